import { describe, expect, it } from "vitest";
import { afterwardsOf } from "../../../scripts/plan/afterwards.ts";
import { simulate } from "../../../scripts/plan/simulation/simulation.ts";
import { plannedSale, RULES, TIMES } from "./planned-sale.ts";

describe("afterwardsOf", () => {
  it("every order leaves, by alarms that take five hundred of a kind at the most and one at the least", () => {
    const sale = plannedSale({ round: { stock: 5000 }, crowd: { payShare: 1, cancelShare: 0, laterShare: 0.25 } });
    expect(afterwardsOf(sale, simulate(sale, RULES, TIMES), RULES)).toEqual({
      orders: 2000,
      afterMs: RULES.retentionMs,
      alarmsLeast: 4,
      alarmsMost: 2000,
      looks: 500,
    });
  });

  it("paid ones and others leave in the same steps", () => {
    const sale = plannedSale({ round: { stock: 5000 }, crowd: { payShare: 0.5, cancelShare: 0 } });
    const done = simulate(sale, RULES, TIMES);
    const most = Math.max(done.tally.of("paid"), 2000 - done.tally.of("paid"));
    expect(afterwardsOf(sale, done, RULES)).toMatchObject({ orders: 2000, alarmsLeast: Math.ceil(most / 500) });
  });

  it("nothing was held: nothing is left to be done", () => {
    const sale = plannedSale({ places: { isolates: 1 }, crowd: { buyers: 1, laterShare: 1 } });
    const done = simulate(plannedSale({ round: { stock: 0 } }), RULES, TIMES);
    expect(afterwardsOf(sale, done, RULES)).toMatchObject({ orders: 0, alarmsLeast: 0, alarmsMost: 0, looks: 0 });
  });
});
