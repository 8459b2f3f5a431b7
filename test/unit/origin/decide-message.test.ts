import { describe, expect, it } from "vitest";
import type { Outcome } from "../../../src/origin/writer/apply-events.ts";
import { decideMessage } from "../../../src/origin/writer/decide-message.ts";
import { type Part, parseMessage } from "../../../src/origin/writer/parse-message.ts";
import { orderEvent } from "./event-fixtures.ts";

const APPLIED: Outcome = { status: "applied" };
const FAILED: Outcome = { status: "failed", reason: "impossible" };
const NOT_YET: Outcome = { status: "not-yet", reason: "missing" };
const DOWN: Outcome = { status: "unavailable", reason: "down" };

/** Parts with these outcomes, in this order; `garbage` is one that is no event. */
function decide(...given: readonly (Outcome | "garbage")[]) {
  const outcomes = new Map<string, Outcome>();
  const parts = given.flatMap((outcome, index): readonly Part[] => {
    if (outcome === "garbage") return parseMessage({ garbage: index });
    const event = orderEvent({ orderId: `o-${index}` });
    outcomes.set(event.eventId, outcome);
    return parseMessage(event);
  });
  const decision = decideMessage(parts, outcomes);
  const groups =
    decision.action === "divide" ? decision.groups.map((group) => group.map((one) => parts.indexOf(one))) : [];
  return { ...decision, groups };
}

describe("decideMessage", () => {
  it("is done with a message that went through", () => {
    expect(decide(APPLIED)).toMatchObject({ action: "done" });
    expect(decide(APPLIED, APPLIED)).toMatchObject({ action: "done" });
  });

  it.each([
    ["a lone event", [FAILED]],
    ["a lone event that waits", [NOT_YET]],
    ["garbage", ["garbage"]],
    ["only events that wait", [NOT_YET, NOT_YET, NOT_YET]],
  ] as const)("F7: tries %s again as it came, so that the queue counts its attempts", (_, given) => {
    expect(decide(...given)).toMatchObject({ action: "retry" });
  });

  it("F6: tries the whole message again while Postgres is down, whatever else is wrong with it", () => {
    expect(decide(APPLIED, DOWN, FAILED, "garbage")).toMatchObject({ action: "retry" });
  });

  it("F7: sends what is impossible alone, what waits together, and what went through not at all", () => {
    const given = [APPLIED, FAILED, NOT_YET, "garbage", APPLIED, NOT_YET] as const;
    expect(decide(...given)).toMatchObject({ action: "divide", groups: [[1], [3], [2, 5]] });
  });

  it("F7: divides where nothing went through, too: each of the impossible goes alone", () => {
    expect(decide(FAILED, FAILED)).toMatchObject({ action: "divide", groups: [[0], [1]] });
    expect(decide(FAILED, NOT_YET)).toMatchObject({ action: "divide", groups: [[0], [1]] });
  });

  it("names the first event that did not go through, and why", () => {
    expect(decide(APPLIED, NOT_YET, FAILED)).toMatchObject({ eventId: "o-1.1", reason: "missing" });
    expect(decide("garbage")).toMatchObject({ eventId: undefined, reason: expect.stringContaining("Not an event") });
  });

  it("F6: an event that nobody tried is tried again", () => {
    expect(decideMessage(parseMessage(orderEvent()), new Map())).toMatchObject({ action: "retry" });
  });
});
