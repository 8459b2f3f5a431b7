import { describe, expect, it } from "vitest";
import { isConserved, type Round } from "../../../durable-objects/product/ledger.ts";
import {
  closeRound,
  configureRound,
  decidePlan,
  decideStockChange,
  isFinished,
} from "../../../durable-objects/product/round-rules.ts";
import { makeCommand, makeRound, makeUpcoming, NOW, RULES } from "./round-fixture.ts";

describe("decidePlan", () => {
  it("begins with round 1", () => {
    expect(decidePlan(null, 300, NOW)).toEqual({ kind: "next", round: 1 });
  });

  it("goes on with the next number once the round is closed", () => {
    expect(decidePlan(makeRound({ closed: true }), 300, NOW)).toEqual({ kind: "next", round: 4 });
  });

  it.each([
    ["a millisecond before its rules freeze", 300_001, "change"],
    ["in the millisecond in which its rules freeze", 300_000, "refused"],
    ["a millisecond before it opens", 1, "refused"],
  ])("of a round that is to come, %s: %d ms before it opens -> $2", (_name, before, kind) => {
    expect(decidePlan(makeUpcoming({ opensAt: NOW + before }), 300, NOW).kind).toBe(kind);
  });

  it("changes until the very opening where nothing is frozen", () => {
    expect(decidePlan(makeUpcoming({ opensAt: NOW + 1 }), 0, NOW)).toEqual({ kind: "change", round: 3 });
    expect(decidePlan(makeUpcoming({ opensAt: NOW }), 0, NOW).kind).toBe("refused");
  });

  it.each<[string, Partial<Round>, string]>([
    ["open", {}, "open"],
    ["paused", { paused: true }, "paused"],
    ["held out", { ledger: { allocated: 2, available: 0, held: 2, paid: 0, withdrawn: 0 } }, "held-out"],
    ["sold out", { ledger: { allocated: 2, available: 0, held: 0, paid: 2, withdrawn: 0 } }, "sold-out"],
    ["over by the clock with a hold left", { closesAt: NOW }, "closed"],
  ])("refuses while the round is %s", (_name, changes, status) => {
    const plan = decidePlan(makeRound(changes), 300, NOW);
    expect(plan).toMatchObject({ kind: "refused", refusal: { code: "wrong-state", status } });
  });

  it("F10 refuses to change a round that has orders, though the clock went back to before it opened", () => {
    const orders = { held: 0, paid: 0, cancelled: 1, expired: 0, refund_due: 0 };
    const plan = decidePlan(makeUpcoming({ orders }), 300, NOW);
    expect(plan).toMatchObject({ kind: "refused", refusal: { code: "wrong-state", status: "upcoming" } });
  });
});

describe("configureRound", () => {
  it("makes the first round with a whole stock book", () => {
    const made = configureRound(null, { kind: "next", round: 1 }, makeCommand(), "a-new-gate");
    expect(made).toEqual({
      round: {
        ...RULES,
        round: 1,
        gate: "a-new-gate",
        paused: false,
        closed: false,
        stockSource: "operator",
        ledger: { allocated: 20, available: 20, held: 0, paid: 0, withdrawn: 0 },
        orders: { held: 0, paid: 0, cancelled: 0, expired: 0, refund_due: 0 },
        version: 1,
      },
      returned: 0,
    });
  });

  it("makes the next round with a gate of its own, not paused, the version counting on", () => {
    const before = makeRound({ closed: true, paused: true });
    const { round, returned } = configureRound(before, { kind: "next", round: 4 }, makeCommand(), "a-new-gate");
    expect(round).toMatchObject({ round: 4, gate: "a-new-gate", paused: false, closed: false, version: 8 });
    expect(round.orders).toEqual({ held: 0, paid: 0, cancelled: 0, expired: 0, refund_due: 0 });
    expect(returned).toBe(0);
  });

  it("keeps gate and pause of a round that is changed", () => {
    const { round } = configureRound(
      makeUpcoming({ paused: true }),
      { kind: "change", round: 3 },
      makeCommand(),
      "other",
    );
    expect(round).toMatchObject({ round: 3, gate: "a-gate", paused: true, version: 8 });
  });

  const origin = { stockSource: "origin" } as const;

  it.each<[string, Partial<Round>, number | null, number]>([
    ["from the origin's stock to a number: all of it goes back", origin, null, 10],
    ["from the origin's stock to the origin's stock: nothing", origin, 3, 0],
    ["from a number to a number: nothing", {}, null, 0],
    ["from a number to the origin's stock: nothing", {}, 3, 0],
    [
      "from the origin's stock to a number, after some was withdrawn and went back already: the rest",
      { ...origin, ledger: { allocated: 10, available: 7, held: 0, paid: 0, withdrawn: 3 } },
      null,
      7,
    ],
  ])("returns, changed %s", (_name, changes, originRound, returned) => {
    const made = configureRound(makeUpcoming(changes), { kind: "change", round: 3 }, makeCommand({ originRound }), "g");
    expect(made.returned).toBe(returned);
    expect(made.round.stockSource).toBe(originRound === null ? "operator" : "origin");
  });

  it("returns nothing of a closed round: that went back when it closed", () => {
    const before = makeRound({ closed: true, stockSource: "origin" });
    expect(configureRound(before, { kind: "next", round: 4 }, makeCommand(), "g").returned).toBe(0);
  });
});

describe("decideStockChange", () => {
  it.each([
    [5, { allocated: 15, available: 11, held: 2, paid: 1, withdrawn: 1 }],
    [-5, { allocated: 10, available: 1, held: 2, paid: 1, withdrawn: 6 }],
    [-6, { allocated: 10, available: 0, held: 2, paid: 1, withdrawn: 7 }],
  ])("of %d units", (delta, ledger) => {
    const decision = decideStockChange(makeRound(), delta, NOW);
    expect(decision).toMatchObject({ kind: "changed", round: { ledger, version: 8 }, returned: 0 });
  });

  it("refuses to withdraw one more than is available", () => {
    expect(decideStockChange(makeRound(), -7, NOW)).toMatchObject({
      kind: "refused",
      refusal: { code: "wrong-state", status: "open" },
    });
  });

  it.each<[string, Partial<Round>]>([
    ["closed", { closed: true }],
    ["over by the clock", { closesAt: NOW }],
  ])("refuses when the round is %s", (_name, changes) => {
    for (const delta of [1, -1]) {
      expect(decideStockChange(makeRound(changes), delta, NOW)).toEqual({
        kind: "refused",
        refusal: { code: "wrong-state", status: "closed" },
      });
    }
  });

  it.each<[string, Partial<Round>]>([
    ["upcoming", { opensAt: NOW + 1 }],
    ["paused", { paused: true }],
    ["in its last millisecond", { closesAt: NOW + 1 }],
  ])("is allowed when the round is %s", (_name, changes) => {
    expect(decideStockChange(makeRound(changes), 1, NOW).kind).toBe("changed");
  });

  it("returns what is withdrawn of the origin's stock, and nothing for what is added", () => {
    const round = makeRound({ stockSource: "origin" });
    expect(decideStockChange(round, -4, NOW)).toMatchObject({ returned: 4 });
    expect(decideStockChange(round, 4, NOW)).toMatchObject({ returned: 0 });
  });
});

describe("closeRound", () => {
  it("withdraws what is left, and keeps what is held and paid", () => {
    const { round, returned } = closeRound(makeRound({ paused: true }));
    expect(round).toMatchObject({ closed: true, paused: false, version: 8 });
    expect(round.ledger).toEqual({ allocated: 10, available: 0, held: 2, paid: 1, withdrawn: 7 });
    expect(isConserved(round.ledger)).toBe(true);
    expect(returned).toBe(0);
  });

  it("returns what is left of the origin's stock", () => {
    expect(closeRound(makeRound({ stockSource: "origin" })).returned).toBe(6);
  });
});

describe("isFinished", () => {
  const empty = { allocated: 10, available: 9, held: 0, paid: 1, withdrawn: 0 };

  it.each<[string, Partial<Round>, boolean]>([
    ["a millisecond before it closes", { closesAt: NOW + 1, ledger: empty }, false],
    ["in the millisecond in which it closes", { closesAt: NOW, ledger: empty }, true],
    ["while something is held", { closesAt: NOW }, false],
    ["once it is closed", { closesAt: NOW, ledger: empty, closed: true }, false],
    ["paused", { closesAt: NOW, ledger: empty, paused: true }, true],
  ])("%s: $2", (_name, changes, finished) => {
    expect(isFinished(makeRound(changes), NOW)).toBe(finished);
  });
});
