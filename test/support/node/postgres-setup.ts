/**
 * vitest globalSetup of the tests on Postgres: the run's server with a migrated template that each test file copies, so that
 * no file sees another's rows.
 */
import type { TestProject } from "vitest/node";
import { startFaultServer } from "./postgres-faults.ts";
import { sharePostgres, TEMPLATE_DATABASE } from "./postgres-template.ts";

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
  const server = await sharePostgres();
  const databaseUrl = await server.value.createDatabase(BOUND_DATABASE, TEMPLATE_DATABASE);
  const faults = await startFaultServer();
  project.provide("databaseUrl", databaseUrl);
  project.provide("templateDatabase", TEMPLATE_DATABASE);
  project.provide("faultsUrl", faults.url);
  return async () => {
    await faults.stop();
    await server.end();
  };
}
