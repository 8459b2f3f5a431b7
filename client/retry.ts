/**
 * When a call is worth repeating by itself, and after how long. Pure: `now` and the random number are parameters.
 *
 * Only what may pass within a buyer's patience is repeated; everything else is told and left to the buyer's next click.
 */
import type { Refusal } from "./outcome.ts";

/** Repeats after the first try: with the waits below about 12 seconds in all, well within a purchase token's life. */
export const MOST_REPEATS = 4;
/** Before the first repeat; each further one waits three times as long. Milliseconds. */
const FIRST_WAIT_MS = 300;
const WAIT_GROWTH = 3;
/** A gateway that wants to be left alone for longer gets its rest, and the buyer an answer. Milliseconds. */
const LONGEST_RETRY_AFTER_MS = 5_000;
/** So that those who were told the same moment do not come back in the same instant. Milliseconds. */
const JITTER_MS = 400;
/** A click that came this much too early is kept rather than refused: clocks differ a little. Milliseconds. */
const EARLY_TOLERANCE_MS = 2_000;
/** After the opening, for those who were too early by a hair. Milliseconds. */
const EARLY_JITTER_MS = 120;

/**
 * The wait in milliseconds before the same call is sent again, or undefined if it shall not be.
 * `repeats`: how often it was repeated already. `now`: the gateway's time, if known. `random`: at least 0, below 1.
 */
export function decideRetry(
  refusal: Refusal,
  repeats: number,
  now: number | undefined,
  random: number,
): number | undefined {
  if (repeats >= MOST_REPEATS) return undefined;
  const backOffMs = FIRST_WAIT_MS * WAIT_GROWTH ** repeats * (0.5 + random / 2);
  if (refusal.code === "network") return backOffMs;
  if (refusal.code === "too-early") {
    // `opensAt` says exactly what Retry-After says in whole seconds.
    if (refusal.opensAt === undefined || now === undefined) return undefined;
    const earlyMs = Math.max(refusal.opensAt - now, 0);
    return earlyMs > EARLY_TOLERANCE_MS ? undefined : Math.max(earlyMs, backOffMs * repeats) + random * EARLY_JITTER_MS;
  }
  const isBusy = refusal.code === "overloaded" || refusal.code === "limiter-unavailable";
  const isFault = refusal.code === "unexpected" && refusal.httpStatus >= 500;
  return isBusy || isFault ? afterRetryAfter(refusal.retryAfterMs ?? 0, backOffMs, random) : undefined;
}

function afterRetryAfter(retryAfterMs: number, backOffMs: number, random: number): number | undefined {
  if (retryAfterMs > LONGEST_RETRY_AFTER_MS) return undefined;
  return Math.max(retryAfterMs + random * JITTER_MS, backOffMs);
}
