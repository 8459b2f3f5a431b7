/** The run's Postgres, with a migrated database that tests copy. DATABASE_URL in the environment uses that server instead. */
import { migrate } from "../../../scripts/migrate.ts";
import { startPostgres, type TestPostgres, usePostgres } from "./postgres.ts";
import { share, type Shared } from "./shared.ts";

/** Never connected to after the migration: Postgres copies a template only while nobody uses it. */
export const TEMPLATE_DATABASE = "sluice_test_template";

async function start(): Promise<Shared<TestPostgres>> {
  const given = process.env["DATABASE_URL"];
  const server = given === undefined || given === "" ? await startPostgres() : usePostgres(given);
  try {
    await migrate(await server.createDatabase(TEMPLATE_DATABASE));
  } catch (fault) {
    await server.stop();
    throw fault;
  }
  return { value: server, end: () => server.stop() };
}

/** Starts it for whoever comes first. */
export function sharePostgres(): Promise<Shared<TestPostgres>> {
  return share("postgres", start);
}
