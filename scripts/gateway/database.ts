/** The origin's Postgres for a local gateway: the one of DATABASE_URL, or an embedded one, with the newest schema. */
import { join } from "node:path";
import { migrate } from "../migrate.ts";
import { startPglite } from "../postgres/pglite.ts";
import { checkDatabaseUrl } from "./database-url.ts";
import { StartError } from "./start-error.ts";

export interface Database {
  readonly url: string;
  /** Whether it runs in this process and ends with it. */
  readonly embedded: boolean;
  stop(): Promise<void>;
}

/**
 * @param stateDir the embedded database is kept below it.
 * @param databaseUrl a Postgres of one's own, which is migrated and otherwise left alone.
 * @throws StartError when it cannot be reached.
 */
export async function startDatabase(stateDir: string, databaseUrl?: string): Promise<Database> {
  if (databaseUrl !== undefined) {
    checkDatabaseUrl(databaseUrl);
    await migrateOrTell(databaseUrl);
    return { url: databaseUrl, embedded: false, stop: () => Promise.resolve() };
  }
  const pglite = await startPglite({ dataDir: join(stateDir, "postgres") });
  await migrateOrTell(pglite.url);
  return { url: pglite.url, embedded: true, stop: () => pglite.stop() };
}

async function migrateOrTell(url: string): Promise<void> {
  try {
    await migrate(url);
  } catch (fault) {
    const { host, pathname } = new URL(url);
    throw new StartError(`Cannot bring the database at ${host}${pathname} up to date: ${firstLine(fault)}`);
  }
}

/** A host with several addresses fails with one error for each of them, and no message of its own. */
function firstLine(fault: unknown): string {
  if (fault instanceof AggregateError) return firstLine(fault.errors[0]);
  return (fault instanceof Error ? fault.message : String(fault)).split("\n")[0] ?? "";
}
