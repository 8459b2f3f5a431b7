/** One request against several limits: every limit is checked before any is taken of. A rule only: no clock, no storage. */
import type { CheckAnswer, TakeAnswer, TakeCheck } from "./protocol.ts";
import { decideSlidingLog, type SlidingLog, type SlidingLogDecision } from "./sliding-log.ts";

/** Every request takes one unit; a weight per call would come in here. */
const UNIT = 1;

export interface TakeDecision {
  readonly answer: TakeAnswer;
  /** The logs that changed, in the order of the checks; none when the request was refused. */
  readonly changed: readonly { readonly check: TakeCheck; readonly log: SlidingLog }[];
}

/** @param logs the present log of each check, in their order. */
export function decideTake(checks: readonly TakeCheck[], logs: readonly SlidingLog[], now: number): TakeDecision {
  const decided = checks.map((check, index) => {
    const { limit, windowMs } = check;
    return { check, decision: decideSlidingLog(logs[index] ?? [], { limit, windowMs, cost: UNIT, now }) };
  });
  const taken = decided.every(({ check, decision }) => check.shadow || decision.allowed);
  const answers = decided.map(({ decision }) =>
    taken || !decision.allowed ? answerOf(decision) : untakenAnswerOf(decision),
  );
  const changed = decided.flatMap(({ check, decision }) =>
    taken && decision.allowed ? [{ check, log: decision.log }] : [],
  );
  return { answer: { taken, answers }, changed };
}

function answerOf({ allowed, remaining, waitMs }: SlidingLogDecision): CheckAnswer {
  return { allowed, remaining, waitMs };
}

/** What is left of a limit that the request would have fitted, had another not refused it: its unit is still there. */
function untakenAnswerOf({ allowed, log, remaining, waitMs }: SlidingLogDecision): CheckAnswer {
  return { allowed, remaining: remaining + UNIT, waitMs: log.length === UNIT ? 0 : waitMs };
}
