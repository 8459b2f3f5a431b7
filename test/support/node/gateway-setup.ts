/**
 * vitest globalSetup of the tests that start gateways as programs: the Worker's bundle and a Postgres, each made once for the
 * run. A gateway that is told of neither would bundle for a second and set up an embedded Postgres for several.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { bundleWorker } from "../../../scripts/gateway/bundle.ts";
import { sharePostgres, TEMPLATE_DATABASE } from "./postgres-template.ts";
import { share, type Shared } from "./shared.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Of the bundled Worker: a path. */
    workerScript: string;
    /** Of the run's Postgres, its maintenance database. */
    postgresUrl: string;
    /** Of the migrated database that tests copy: its name. */
    templateDatabase: string;
  }
}

async function bundle(): Promise<Shared<string>> {
  const dir = await mkdtemp(join(tmpdir(), "sluice-bundle-"));
  const end = (): Promise<void> => rm(dir, { recursive: true, force: true });
  try {
    return { value: await bundleWorker(dir), end };
  } catch (fault) {
    await end();
    throw fault;
  }
}

export default async function setUpGateways(project: TestProject): Promise<() => Promise<void>> {
  const [script, server] = await Promise.all([share("bundle", bundle), sharePostgres()]);
  project.provide("workerScript", script.value);
  project.provide("postgresUrl", server.value.url);
  project.provide("templateDatabase", TEMPLATE_DATABASE);
  return async () => {
    await Promise.all([script.end(), server.end()]);
  };
}
