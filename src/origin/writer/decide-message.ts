/**
 * What becomes of a message, from what became of everything in it. Pure.
 *
 * A message is acknowledged or tried again as a whole, so what did not go through must not keep what did: it is sent again
 * by itself, and then the message is done with. What is impossible goes alone, and ends in the dead letters alone. What
 * waits for an earlier event goes on together: the same event will help them all.
 */
import type { Outcome, Outcomes } from "./apply-events.ts";
import type { Part } from "./parse-message.ts";

export type MessageDecision =
  | { readonly action: "done" }
  /** The same message again. */
  | ({ readonly action: "retry" } & Cause)
  /** Each of the groups as a message of its own, and then this one is done with. */
  | ({ readonly action: "divide"; readonly groups: readonly (readonly Part[])[] } & Cause);

/** For an operator: the first event that did not go through, if it is one, and why. */
interface Cause {
  readonly eventId: string | undefined;
  readonly reason: string;
}

/** What became of one thing in a message. */
export function outcomeOf(part: Part, outcomes: Outcomes): Outcome {
  if (!part.ok) return { status: "failed", reason: `Not an event: ${part.reason}` };
  return outcomes.get(part.event.eventId) ?? { status: "unavailable", reason: "It was not tried" };
}

/** Decides about a message of the order queue. */
export function decideMessage(parts: readonly Part[], outcomes: Outcomes): MessageDecision {
  const left = parts.flatMap((part) => {
    const outcome = outcomeOf(part, outcomes);
    return outcome.status === "applied" ? [] : [{ part, outcome }];
  });
  const [first] = left;
  if (first === undefined) return { action: "done" };
  const eventId = first.part.ok ? first.part.event.eventId : undefined;
  const { reason } = first.outcome;
  if (left.some(({ outcome }) => outcome.status === "unavailable")) return { action: "retry", eventId, reason };
  const failed = left.filter(({ outcome }) => outcome.status === "failed").map(({ part }) => part);
  const waiting = left.filter(({ outcome }) => outcome.status === "not-yet").map(({ part }) => part);
  const groups = [...failed.map((part) => [part]), ...(waiting.length > 0 ? [waiting] : [])];
  // Nothing went through, and nothing is to be set apart: the queue counts this message's attempts.
  if (left.length === parts.length && groups.length === 1) return { action: "retry", eventId, reason };
  return { action: "divide", groups, eventId, reason };
}
