/**
 * The Generic Cell Rate Algorithm (ITU-T I.371) in its plain form, for sieves: one number per key, whatever the limit. Pure.
 *
 * The number is the theoretical arrival time: when the key would be back at a full budget. Up to `limit` units may come
 * at once, and then one each time that a unit's share of the window has passed. What it gives up against an exact count: a
 * burst and what flows back during the window after it are both let through, so a window may see up to twice the limit. The
 * limiter objects have a form without that, for fewer units a window.
 */

export interface GcraRule {
  /** Units in a window; also the most that may come at once. */
  readonly limit: number;
  readonly windowMs: number;
}

export type GcraDecision =
  | { readonly allowed: true; readonly arrivalAt: number }
  /** `retryMs`: after which the same units fit, if nobody else comes. */
  | { readonly allowed: false; readonly retryMs: number };

/** @param arrivalAt the key's theoretical arrival time, ms since the epoch; undefined for a key never seen. */
export function decideGcra(
  arrivalAt: number | undefined,
  { limit, windowMs }: GcraRule,
  cost: number,
  now: number,
): GcraDecision {
  const next = Math.max(arrivalAt ?? now, now) + (cost * windowMs) / limit;
  const over = next - now - windowMs;
  return over > 0 ? { allowed: false, retryMs: over } : { allowed: true, arrivalAt: next };
}
