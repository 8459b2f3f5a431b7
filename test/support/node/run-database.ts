/** A migrated database of its own for a test file, on the run's Postgres; needs gateway-setup.ts. */
import { inject } from "vitest";
import { usePostgres } from "./postgres.ts";

/** @param topic of lower-case letters and underscores; the server may be somebody's own, where nothing of theirs is called so. */
export function createRunDatabase(topic: string): Promise<string> {
  return usePostgres(inject("postgresUrl")).createDatabase(`sluice_test_${topic}`, inject("templateDatabase"));
}
