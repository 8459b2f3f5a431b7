/** One request against several limits: every limit is checked before any is taken of. A rule only: no clock, no storage. */
import { type Count, type CountDecision, decideCount } from "./count.ts";
import type { CheckAnswer, TakeAnswer, TakeCheck } from "./protocol.ts";

export interface TakeDecision {
  readonly answer: TakeAnswer;
  /** The counts that changed, in the order of the checks; none when the request was refused. */
  readonly changed: readonly { readonly check: TakeCheck; readonly count: Count }[];
}

/** @param counts the present count of each check, in their order. */
export function decideTake(checks: readonly TakeCheck[], counts: readonly Count[], now: number): TakeDecision {
  const decided = checks.map((check, index) => ({ check, decision: decideCount(check, counts[index] ?? [], now) }));
  const taken = decided.every(({ check, decision }) => check.shadow || decision.allowed);
  const isTaken = ({ check: { together }, decision }: Decided): boolean =>
    taken &&
    decision.allowed &&
    (together === undefined || decided.every((other) => other.check.together !== together || other.decision.allowed));
  const answers = decided.map((each) => {
    const { check, decision } = each;
    return isTaken(each) || !decision.allowed ? answerOf(decision) : untakenAnswerOf(check, decision);
  });
  const changed = decided.flatMap((each) => (isTaken(each) ? [{ check: each.check, count: each.decision.count }] : []));
  return { answer: { taken, answers }, changed };
}

interface Decided {
  readonly check: TakeCheck;
  readonly decision: CountDecision;
}

function answerOf({ allowed, remaining, waitMs, takenAt }: CountDecision): CheckAnswer {
  return { allowed, remaining, waitMs, takenAt: allowed ? takenAt : null };
}

/** What is left of a limit that the request would have fitted, had another not refused it: its units are still there. */
function untakenAnswerOf({ cost, burst }: TakeCheck, { remaining, waitMs }: CountDecision): CheckAnswer {
  const left = remaining + cost;
  return { allowed: true, remaining: left, waitMs: left === burst ? 0 : waitMs, takenAt: null };
}
