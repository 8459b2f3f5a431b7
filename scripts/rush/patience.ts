/** When a refused buyer who means well comes back. Pure. */
import type { Refused } from "./sale-api.ts";

/** Codes after which the same request may be let through later. */
export const WORTH_WAITING: ReadonlySet<string> = new Set([
  "held-out",
  "too-early",
  "overloaded",
  "limiter-unavailable",
  "paused",
  "rate-limited",
  "no-answer",
]);

/** The moment that the refusal names, by the gateway's clock, in milliseconds since the epoch. */
export function comesBackAt(refused: Refused, now: number): number {
  const named = refused.fields["nextReleaseAt"] ?? refused.fields["opensAt"];
  return typeof named === "number" ? named : now + refused.retryAfterMs;
}
