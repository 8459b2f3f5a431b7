/**
 * vitest globalSetup of the tests on Postgres: one server for the run, with a migrated template that each test file
 * copies, so that no file sees another's rows. DATABASE_URL in the environment uses that server instead.
 */
import type { TestProject } from "vitest/node";
import { migrate } from "../../../scripts/migrate.ts";
import { startFaultServer } from "./postgres-faults.ts";
import { startPostgres, usePostgres } from "./postgres.ts";

/** Never connected to after the migration: Postgres copies a template only while nobody uses it. */
export const TEMPLATE_DATABASE = "sluice_test_template";

/** What the Hyperdrive binding points to; a test file makes its own database from the template. */
const BOUND_DATABASE = "sluice_test";

declare module "vitest" {
  interface ProvidedContext {
    /** Of a migrated database, for the Hyperdrive binding. */
    databaseUrl: string;
    /** Of the database that a test file copies: its name. */
    templateDatabase: string;
    /** Of the server that opens faulty ways to Postgres. */
    faultsUrl: string;
  }
}

export default async function setUpPostgres(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env["DATABASE_URL"];
  const server = given === undefined || given === "" ? await startPostgres() : usePostgres(given);
  await migrate(await server.createDatabase(TEMPLATE_DATABASE));
  const databaseUrl = await server.createDatabase(BOUND_DATABASE, TEMPLATE_DATABASE);
  const faults = await startFaultServer();
  project.provide("databaseUrl", databaseUrl);
  project.provide("templateDatabase", TEMPLATE_DATABASE);
  project.provide("faultsUrl", faults.url);
  return async () => {
    await faults.stop();
    await server.stop();
  };
}
