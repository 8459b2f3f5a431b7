/**
 * The Generic Cell Rate Algorithm (ITU-T I.371), so tuned that it is exact: one number per key, whatever the limit.
 *
 * The number is the theoretical arrival time: when the key would be back at a full budget. Up to `burst` units may come at
 * once, and then one each time that an interval has passed. The plain form lets a burst and everything that flows back
 * during the window after it through, up to twice the limit. Here the interval is long enough that both together make
 * `limit`: no half-open window of `windowMs`, wherever it begins, holds more. What that gives up: whoever comes steadily
 * gets `limit - burst + 1` units per window and not `limit`; the smaller the burst, the closer the two.
 *
 * A clock that goes back makes units wait longer, and never less. A rule only: no clock, no storage.
 */

export interface GcraRule {
  /** Units that no window exceeds. */
  readonly limit: number;
  /** The most units at once: 1 to `limit`. */
  readonly burst: number;
  readonly windowMs: number;
}

export interface GcraRequest extends GcraRule {
  /** Units that the request takes: at least 1, at most `burst`. */
  readonly cost: number;
  /** Ms since the epoch, whole. */
  readonly now: number;
}

export interface GcraDecision {
  readonly allowed: boolean;
  /** The theoretical arrival time afterwards, ms since the epoch. Refused: as it was. */
  readonly arrivalAt: number;
  /** Units that may come at once, afterwards. */
  readonly remaining: number;
  /** Whole ms. Allowed: until the next unit comes back. Refused: until the same request fits if nobody else takes any. */
  readonly waitMs: number;
}

/**
 * Steps of a millisecond in which 64-bit floats of this century's times are exact. Intervals are rounded up to them, so
 * that sums of intervals have no error and a million small ones are not a few units too many.
 */
const STEPS_PER_MS = 2048;

/** Ms after which one unit is back: the least with which burst and flow together stay within the limit. */
export function intervalOf({ limit, burst, windowMs }: GcraRule): number {
  // One more than what is left of the limit: a half-open window never sees the flow of its whole length.
  return Math.ceil((windowMs / (limit - burst + 1)) * STEPS_PER_MS) / STEPS_PER_MS;
}

/**
 * @param arrivalAt undefined for a key never seen.
 * @throws RangeError when the request could never be allowed: a defect of the caller, not a refusal.
 */
export function decideGcra(arrivalAt: number | undefined, request: GcraRequest): GcraDecision {
  const { burst, cost, now } = request;
  if (cost < 1 || cost > burst) throw new RangeError(`Expected a cost from 1 to ${burst}, found ${cost}`);
  const interval = intervalOf(request);
  const budget = burst * interval;
  const before = Math.max(arrivalAt ?? now, now);
  const after = before + cost * interval;
  const over = after - now - budget;
  if (over > 0) {
    const remaining = Math.max(0, Math.floor((budget - (before - now)) / interval));
    return { allowed: false, arrivalAt: before, remaining, waitMs: Math.ceil(over) };
  }
  const left = budget - (after - now);
  return {
    allowed: true,
    arrivalAt: after,
    remaining: Math.floor(left / interval),
    waitMs: Math.ceil(interval - (left % interval)),
  };
}

/**
 * The arrival time after a request's units are given back.
 *
 * Less comes back the later it is: what has flowed back by itself since `takenAt` is not given a second time. So nobody
 * ever gets more than if the request had never come, and a key in constant use may get less.
 */
export function refundGcra(arrivalAt: number, rule: GcraRule, cost: number, takenAt: number, now: number): number {
  const owed = cost * intervalOf(rule) - Math.max(0, now - takenAt);
  return arrivalAt - Math.max(0, owed);
}
