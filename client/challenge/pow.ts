/** Solves a proof of work in workers of the page's own origin, without a word to the buyer. */
import { type Solution, solveChallengeWorkers } from "altcha-lib";
import type { PowChallenge } from "./documents.ts";

/** Beside this file; built of `pow-worker.ts`. */
const WORKER = "./challenge-worker.js";
/** More threads heat a phone up and hardly help. */
const WORKERS_MAX = 4;
/** A machine that is not done by then is not done before the challenge ends. Milliseconds. */
const TIMEOUT_MS = 90_000;

/** Rejects where the browser has no WebCrypto (pages without https), or is too slow. */
export async function solvePow({ challenge }: PowChallenge): Promise<Solution> {
  if (!isSecureContext) throw new Error("A proof of work needs WebCrypto, which pages have on https only");
  const solution = await solveChallengeWorkers({
    challenge,
    // One core is left to the page.
    concurrency: Math.min(Math.max(navigator.hardwareConcurrency - 1, 1), WORKERS_MAX),
    createWorker: () => new Worker(new URL(WORKER, import.meta.url), { type: "module" }),
    timeout: TIMEOUT_MS,
  });
  if (solution === null) throw new Error(`The proof of work must be found within ${TIMEOUT_MS} ms, and was not`);
  return solution;
}
