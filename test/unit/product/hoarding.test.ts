import { describe, expect, it } from "vitest";
import {
  decideHoarding,
  type HoardingHistory,
  HOARDING_WINDOW_MS,
  NO_HISTORY,
  type UnpaidEnd,
  type UnpaidUse,
} from "../../../durable-objects/product/hoarding.ts";
import type { HoardingRules } from "../../../durable-objects/product/protocol.ts";
import { HOARDING_OFF, NOW } from "./round-fixture.ts";

/** Ends so many seconds ago, with what each kept from others in units times seconds; the oldest first. */
function use(...ends: readonly (readonly [agoSeconds: number, unitSeconds: number])[]): UnpaidUse {
  const list: UnpaidEnd[] = ends.map(([since, units]) => ({ endedAt: NOW - since * 1000, unitMs: units * 1000 }));
  return { unitMs: list.reduce((sum, { unitMs }) => sum + unitMs, 0), ends: () => list };
}

function decide(rules: Partial<HoardingRules>, history: Partial<HoardingHistory>, now = NOW) {
  return decideHoarding({ ...HOARDING_OFF, ...rules }, { ...NO_HISTORY, ...history }, now);
}

/** Moments so many seconds ago. */
function ago(...seconds: readonly number[]): readonly number[] {
  return seconds.map((each) => NOW - each * 1000);
}

const DAY = HOARDING_WINDOW_MS / 1000;
const wait = (retryAfterSeconds: number) => ({ code: "hoarding", retryAfterSeconds });

describe("decideHoarding", () => {
  it("T8 lets everybody through where every rule is off, whatever there was", () => {
    const much = use([5, 1e6]);
    expect(decide({}, { buyer: much, client: much, lapsedAt: [NOW], paidAt: null })).toBeNull();
  });

  it("T8 lets through below the budget, and refuses at it", () => {
    const rules = { unpaidUnitSecondsPerBuyer: 100 };
    expect(decide(rules, { buyer: use([50, 60], [10, 39]) })).toBeNull();
    expect(decide(rules, { buyer: use([50, 60], [10, 40]) })).toEqual(wait(DAY - 50));
  });

  it("T8 waits until so much has left the day that there is room, and no longer", () => {
    const rules = { unpaidUnitSecondsPerClient: 100 };
    const client = use([90, 30], [80, 30], [70, 30], [60, 130]);
    // 220 of 100: only without the last is it below.
    expect(decide(rules, { client })).toEqual(wait(DAY - 60));
    expect(decide(rules, { client: use([90, 30], [80, 30], [70, 50]) })).toEqual(wait(DAY - 90));
  });

  it("T8 pauses after so many lapses in a row, from the end of the last", () => {
    const rules = { lapses: 2, cooldownSeconds: 60 };
    expect(decide(rules, { lapsedAt: ago(10) })).toBeNull();
    expect(decide(rules, { lapsedAt: ago(10, 500) })).toEqual(wait(50));
    expect(decide(rules, { lapsedAt: ago(60, 500) })).toBeNull();
    expect(decide(rules, { lapsedAt: ago(10, 500), paidAt: NOW - 501_000 })).toEqual(wait(50));
    expect(decide(rules, { lapsedAt: ago(10, 500), paidAt: NOW - 300_000 })).toBeNull();
  });

  it("tells the longest wait of all, rounded up", () => {
    const rules = { unpaidUnitSecondsPerBuyer: 10, unpaidUnitSecondsPerClient: 10, lapses: 1, cooldownSeconds: 60 };
    const history = { buyer: use([100, 10]), client: use([40, 10]), lapsedAt: [NOW - 100_000] };
    expect(decide(rules, history)).toEqual(wait(DAY - 40));
    expect(decide(rules, history, NOW - 1)).toEqual(wait(DAY - 39));
  });
});
