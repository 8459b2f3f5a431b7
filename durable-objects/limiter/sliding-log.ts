/**
 * The sliding log: a limit that is exact at every instant.
 *
 * The log has the time of every unit taken. A unit taken at `t` counts in `[t, t + windowMs)`, so that no half-open window
 * of that length ever holds more than `limit` units, wherever it begins: someone who plays with a window's boundary gets
 * 1.0 times the limit. The price is memory in proportion to the limit; large limits need another rule.
 *
 * A clock that goes back counts as one that stands still at the newest unit: units may wait longer for their end then, and
 * never less. A rule only: no clock, no storage.
 */

/** Times of the units taken, in ms since the epoch, oldest first. */
export type SlidingLog = readonly number[];

export interface SlidingLogRequest {
  /** Units per window, at least 1. */
  readonly limit: number;
  readonly windowMs: number;
  /** Units that the request takes: at least 1, at most `limit`. */
  readonly cost: number;
  /** Ms since the epoch. */
  readonly now: number;
}

export interface SlidingLogDecision {
  readonly allowed: boolean;
  /** The time under which its units stand in the log, ms since the epoch; for `refundSlidingLog()`. */
  readonly takenAt: number;
  /** The log afterwards, without units whose time is over. Refused: as it was, in case the clock goes back. */
  readonly log: SlidingLog;
  /** Units left afterwards. */
  readonly remaining: number;
  /**
   * Ms from `now`. Allowed: until the next unit comes back. Refused: until the same request would be allowed if nobody else
   * takes any; not a millisecond earlier.
   */
  readonly waitMs: number;
}

/** @throws RangeError when the request could never be allowed: a defect of the caller, not a refusal. */
export function decideSlidingLog(log: SlidingLog, request: SlidingLogRequest): SlidingLogDecision {
  const { limit, windowMs, cost } = request;
  if (cost < 1 || cost > limit) throw new RangeError(`Expected a cost from 1 to ${limit}, found ${cost}`);
  const now = Math.max(request.now, log.at(-1) ?? request.now);
  const endOf = (taken = now): number => taken + windowMs;
  const live = log.slice(countEnded(log, now - windowMs));
  // Where the limit was lowered since, the log may be longer than it.
  const excess = live.length + cost - limit;
  if (excess > 0) {
    // The request fits as soon as the `excess` oldest units have ended.
    const waitMs = endOf(live[excess - 1]) - request.now;
    return { allowed: false, takenAt: now, log, remaining: Math.max(0, limit - live.length), waitMs };
  }
  const after = live.concat(Array<number>(cost).fill(now));
  return {
    allowed: true,
    takenAt: now,
    log: after,
    remaining: limit - after.length,
    waitMs: endOf(after[0]) - request.now,
  };
}

/**
 * The log as if a request had never come: without `cost` units of `takenAt`. Exact. What has left the log meanwhile is over,
 * and is not given back.
 */
export function refundSlidingLog(log: SlidingLog, cost: number, takenAt: number): SlidingLog {
  const first = log.indexOf(takenAt);
  if (first === -1) return log;
  const units = Math.min(cost, log.lastIndexOf(takenAt) - first + 1);
  return log.toSpliced(first, units);
}

/** How many of the log's units were taken at `until` or before. */
function countEnded(log: SlidingLog, until: number): number {
  const first = log.findIndex((taken) => taken > until);
  return first === -1 ? log.length : first;
}
