/** A real Postgres for tests, on which every test makes its own databases. It gives up durability: fsync is off. */
import postgres from "postgres";
import { type PostgresSettings, startRealPostgres } from "../../../scripts/postgres/real-postgres.ts";

/** A test that wants to kill the database itself needs other settings. */
const SETTINGS: PostgresSettings = {
  // Tests run in parallel, and a client that is left behind by an aborted test keeps its connection for a while.
  max_connections: "300",
  shared_buffers: "32MB",
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
};

export interface TestPostgres {
  /** Of the maintenance database. */
  readonly url: string;
  /** Creates a database, empty or as a copy of another, and returns its URL. */
  createDatabase(name: string, template?: string): Promise<string>;
  stop(): Promise<void>;
}

/** The URL of another database on the same server. */
export function databaseUrl(url: string, name: string): string {
  const other = new URL(url);
  other.pathname = `/${name}`;
  return other.href;
}

/** Drops the database if it is there, whoever is connected, and creates it anew. */
async function createDatabase(url: string, name: string, template?: string): Promise<string> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql`DROP DATABASE IF EXISTS ${sql(name)} WITH (FORCE)`;
    if (template === undefined) await sql`CREATE DATABASE ${sql(name)}`;
    else await sql`CREATE DATABASE ${sql(name)} TEMPLATE ${sql(template)}`;
  } finally {
    await sql.end();
  }
  return databaseUrl(url, name);
}

/** A server that somebody else runs, as it is: stopping does nothing. */
export function usePostgres(url: string): TestPostgres {
  return { url, createDatabase: (name, template) => createDatabase(url, name, template), stop: async () => {} };
}

/** Starts a server of its own and resolves when it accepts connections. */
export async function startPostgres(): Promise<TestPostgres> {
  const server = await startRealPostgres(SETTINGS);
  return { ...usePostgres(server.url), stop: () => server.stop() };
}
