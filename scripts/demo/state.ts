/**
 * What the local programs keep, and forget: .sluice/, ignored by git.
 * SLUICE_HOME keeps it, and .dev.vars, in another folder than the project's: for a second copy beside the first, and for tests.
 */
import { resolve } from "node:path";
import { clearState } from "../gateway/claim-state.ts";
import { HOME } from "../gateway/dev-vars.ts";

export const STATE = resolve(HOME, ".sluice");

/** Forgets everything: orders, stock, the embedded database. A database of one's own (DATABASE_URL) is left alone. */
export async function forgetState(): Promise<void> {
  await clearState(STATE);
}
