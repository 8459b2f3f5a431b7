/** The gateway under test: the bundled Worker on workerd with every binding real, in a process of its own, on a real Postgres. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { spawnGateway } from "../../scripts/gateway/child.ts";
import { readDemoVars, requireVar, type Vars } from "../../scripts/gateway/dev-vars.ts";
import type { RealPostgres } from "../../scripts/postgres/real-postgres.ts";
import type { RunningServer } from "../server.ts";

export interface BenchGateway extends RunningServer {
  readonly databaseUrl: string;
  readonly vars: Vars;
  readonly adminToken: string;
  readonly webhookSecret: string;
}

/** A new, empty database, whose URL is returned. */
export async function createDatabase(server: RealPostgres, name: string): Promise<string> {
  const sql = postgres(server.url, { max: 1, onnotice: () => {} });
  try {
    await sql`DROP DATABASE IF EXISTS ${sql(name)} WITH (FORCE)`;
    await sql`CREATE DATABASE ${sql(name)}`;
  } finally {
    await sql.end();
  }
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return url.href;
}

export interface BenchGatewayOptions {
  /** The bundled Worker. */
  readonly script: string;
  readonly database: RealPostgres;
  /** Names its database. */
  readonly name: string;
  /** Replace the demo's secrets and the tables of [vars]. */
  readonly vars?: Vars;
}

/** Its own state folder and database; what the Worker logs as warnings and errors goes to stderr. */
export async function startBenchGateway(options: BenchGatewayOptions): Promise<BenchGateway> {
  const { script, database, name } = options;
  const stateDir = await mkdtemp(join(tmpdir(), `sluice-bench-${name}-`));
  const vars = { ...(await readDemoVars()), ...options.vars };
  const databaseUrl = await createDatabase(database, `bench_${name.replaceAll("-", "_")}`);
  const gateway = await spawnGateway({ port: 0, stateDir, vars, script, databaseUrl }, (text) =>
    process.stderr.write(text),
  );
  return {
    url: gateway.url,
    pids: [gateway.pid, database.pid],
    databaseUrl,
    vars,
    adminToken: requireVar(vars, "ADMIN_TOKEN"),
    webhookSecret: requireVar(vars, "ORIGIN_WEBHOOK_SECRET"),
    stop: async () => {
      await gateway.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
