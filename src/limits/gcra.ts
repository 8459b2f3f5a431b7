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
  /** `retryMs`: whole ms after which the same units fit, if nobody else comes. */
  | { readonly allowed: false; readonly retryMs: number };

/**
 * The units in use are read from a time, and a time of this century is kept to 1/4096 ms. Rounded to the share of a unit that
 * passes in 1/1024 ms, what is lost does not add up, and a whole limit fits at once.
 */
const STEPS_PER_MS = 1024;

/** @param arrivalAt the key's theoretical arrival time, ms since the epoch; undefined for a key never seen. */
export function decideGcra(
  arrivalAt: number | undefined,
  { limit, windowMs }: GcraRule,
  cost: number,
  now: number,
): GcraDecision {
  const interval = windowMs / limit;
  const ahead = Math.max(0, (arrivalAt ?? now) - now);
  const steps = Math.max(1, Math.floor(interval * STEPS_PER_MS));
  const used = Math.round((ahead / interval) * steps) / steps + cost;
  if (used > limit) return { allowed: false, retryMs: Math.ceil((used - limit) * interval) };
  return { allowed: true, arrivalAt: now + used * interval };
}
