/**
 * What the local programs keep, and forget: .sluice/, ignored by git.
 * SLUICE_HOME keeps it, and .dev.vars, in another folder than the project's: for a second copy beside the first, and for tests.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { HOME } from "../gateway/dev-vars.ts";

export const STATE = join(HOME, ".sluice");

/** Forgets everything: orders, stock, the embedded database. A database of one's own (DATABASE_URL) is left alone. */
export async function forgetState(): Promise<void> {
  await rm(STATE, { recursive: true, force: true });
}
