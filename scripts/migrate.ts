/**
 * Brings the origin's Postgres to the newest schema: applies the numbered SQL files in migrations/ that it has not seen.
 *
 * `npm run migrate` with DATABASE_URL. All new files are applied in one transaction, or none; an advisory lock makes a
 * second run wait for the first, so that it is safe to run on every deploy and from several places at once. There is no
 * way down: a mistake is mended by the next number.
 */
import { fileURLToPath } from "node:url";
import { runner } from "node-pg-migrate";

const MIGRATIONS_FOLDER = fileURLToPath(new URL("../migrations", import.meta.url));

/** Where the applied files are recorded. */
const MIGRATIONS_TABLE = "sluice_migrations";

/** How long to wait for a connection: a database that just wakes up needs a moment, a wrong address never answers. */
const CONNECT_TIMEOUT_MS = 10_000;

const silent = { info: () => {}, warn: () => {}, error: () => {} };

/**
 * Applies what is missing and returns the names of the files that were applied now, oldest first.
 * Throws when the database cannot be reached or a file fails; nothing is changed then.
 */
export async function migrate(databaseUrl: string): Promise<readonly string[]> {
  const applied = await runner({
    databaseUrl: { connectionString: databaseUrl, connectionTimeoutMillis: CONNECT_TIMEOUT_MS },
    dir: MIGRATIONS_FOLDER,
    migrationsTable: MIGRATIONS_TABLE,
    direction: "up",
    singleTransaction: true,
    advisoryLockMode: "wait",
    logger: silent,
  });
  return applied.map((migration) => migration.name);
}

/** One line about what went wrong, without the connection string. */
function tellFailure(error: unknown): string {
  if (!(error instanceof Error)) return "Unknown error";
  // A host with several addresses fails with one error for each of them, and no message of its own.
  const told: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const message = (told instanceof Error ? told : error).message.split("\n")[0] ?? "";
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return [message || error.name, code && !message.includes(code) ? `(${code})` : ""].filter(Boolean).join(" ");
}

async function main(): Promise<void> {
  const databaseUrl = process.env["DATABASE_URL"];
  if (!databaseUrl) {
    console.error(
      "DATABASE_URL is not set: want the URL of the origin's Postgres, as in postgres://user:password@host/name",
    );
    process.exitCode = 1;
    return;
  }
  if (!URL.canParse(databaseUrl)) {
    console.error("DATABASE_URL is not a URL: want the form postgres://user:password@host:5432/name");
    process.exitCode = 1;
    return;
  }
  try {
    const applied = await migrate(databaseUrl);
    console.log(applied.length > 0 ? `Applied ${applied.join(", ")}` : "Nothing to apply: the schema is up to date");
  } catch (error) {
    console.error(`The migration failed, nothing was changed: ${tellFailure(error)}`);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
