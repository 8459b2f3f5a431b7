/**
 * Which of the six states a round is in at a moment. Pure; the object and the edge's copy both decide by it.
 *
 * A state is never stored: a round opens, closes and gets its units back by the clock alone, whether or not any timer ran.
 */
import type { RoundState } from "./protocol.ts";

/** How many seconds a buyer is asked to wait while the operator has paused the sale: a guess, nobody knows the end. */
export const PAUSED_RETRY_SECONDS = 5;

/** What the state depends on. `available` and `held` are units. */
export interface RoundSituation {
  readonly opensAt: number;
  readonly closesAt: number;
  readonly paused: boolean;
  readonly closed: boolean;
  readonly available: number;
  readonly held: number;
}

export function decideRoundState(round: RoundSituation, now: number): RoundState {
  if (round.closed || now >= round.closesAt) return "closed";
  if (now < round.opensAt) return "upcoming";
  if (round.paused) return "paused";
  if (round.available > 0) return "open";
  return round.held > 0 ? "held-out" : "sold-out";
}

/** Whole seconds until `at`, rounded up and at least one: whoever waits so long is not too early. */
export function secondsUntil(at: number, now: number): number {
  return Math.max(1, Math.ceil((at - now) / 1000));
}
