/** The machine and the versions that figures belong to. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, release, totalmem } from "node:os";
import { promisify } from "node:util";
import postgres from "postgres";
import * as v from "valibot";
import { PROJECT } from "../../scripts/gateway/wrangler-environment.ts";
import type { Machine } from "../results.ts";

const run = promisify(execFile);
const GIB = 1024 ** 3;
const MISSING = "not installed";

const packageJson = v.object({ version: v.string() });

/** @param databaseUrl of any database on the Postgres that is used. */
export async function describeMachine(databaseUrl: string, generator: string): Promise<Machine> {
  const require = createRequire(import.meta.url);
  const workerd = v.parse(packageJson, JSON.parse(readFileSync(require.resolve("workerd/package.json"), "utf8")));
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round((totalmem() / GIB) * 10) / 10,
    kernel: release(),
    node: process.version,
    workerd: workerd.version,
    postgres: await postgresVersion(databaseUrl),
    redis: await redisVersion(),
    generator,
  };
}

async function postgresVersion(databaseUrl: string): Promise<string> {
  const sql = postgres(databaseUrl, { max: 1 });
  try {
    const [row] = await sql<{ version: string }[]>`SELECT current_setting('server_version') AS version`;
    return row?.version ?? "unknown";
  } finally {
    await sql.end();
  }
}

async function redisVersion(): Promise<string> {
  try {
    const { stdout } = await run("redis-server", ["--version"]);
    return /v=(\S+)/.exec(stdout)?.[1] ?? "unknown";
  } catch {
    return MISSING;
  }
}

/** The commit that is measured; a `+` where the tree has changes that no commit has. */
export async function describeCommit(): Promise<string> {
  try {
    const { stdout: commit } = await run("git", ["rev-parse", "--short=12", "HEAD"], { cwd: PROJECT });
    const { stdout: changes } = await run("git", ["status", "--porcelain", "--untracked-files=no"], { cwd: PROJECT });
    return `${commit.trim()}${changes.trim() === "" ? "" : "+"}`;
  } catch {
    return "unknown";
  }
}
