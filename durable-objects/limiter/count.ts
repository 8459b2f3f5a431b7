/**
 * What is kept of one key, whatever its algorithm, and the decision by it: a list of times, which is a sliding log, or the
 * one arrival time of GCRA. A rule only: no clock, no storage.
 */
import { decideGcra, refundGcra } from "./gcra.ts";
import type { Taken, TakeCheck } from "./protocol.ts";
import { decideSlidingLog, refundSlidingLog } from "./sliding-log.ts";

/** Ms since the epoch; empty for a key never seen. */
export type Count = readonly number[];

export interface CountDecision {
  readonly allowed: boolean;
  /** Afterwards; as it was where refused. */
  readonly count: Count;
  readonly remaining: number;
  readonly waitMs: number;
  readonly takenAt: number;
}

/** @throws RangeError when the request could never be allowed. */
export function decideCount(check: TakeCheck, count: Count, now: number): CountDecision {
  const { limit, burst, windowMs, cost } = check;
  if (check.algorithm === "gcra") {
    const { allowed, arrivalAt, remaining, waitMs } = decideGcra(count[0], { limit, burst, windowMs, cost, now });
    return { allowed, count: allowed ? [arrivalAt] : count, remaining, waitMs, takenAt: now };
  }
  const { allowed, log, remaining, waitMs, takenAt } = decideSlidingLog(count, { limit, windowMs, cost, now });
  return { allowed, count: log, remaining, waitMs, takenAt };
}

export function refundCount({ check, takenAt }: Taken, count: Count, now: number): Count {
  if (check.algorithm === "sliding-log") return refundSlidingLog(count, check.cost, takenAt);
  const [arrivalAt] = count;
  return arrivalAt === undefined ? count : [refundGcra(arrivalAt, check, check.cost, takenAt, now)];
}

/** When a key is as one never seen, ms since the epoch. */
export function endOf({ algorithm, windowMs }: TakeCheck, count: Count, now: number): number {
  const last = count.at(-1) ?? now;
  return algorithm === "gcra" ? last : last + windowMs;
}
