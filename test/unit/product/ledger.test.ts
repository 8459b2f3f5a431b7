import { describe, expect, it } from "vitest";
import {
  addUnits,
  decideCancellation,
  decideHold,
  decidePayment,
  expire,
  isConserved,
  isOver,
  moveUnits,
  type HoldRequest,
  type HoldSituation,
  type Order,
  type Round,
  withdrawUnits,
} from "../../../durable-objects/product/ledger.ts";
import type { HoldRefusal } from "../../../durable-objects/product/protocol.ts";
import type { OrderStatus } from "../../../src/refusal.ts";
import { NO_HISTORY } from "../../../durable-objects/product/hoarding.ts";
import { CAUSE, HOARDING_OFF, LEDGER, makeOrder, makeRequest, makeRound, makeSituation, NOW } from "./round-fixture.ts";

const STATUSES: readonly OrderStatus[] = ["held", "paid", "cancelled", "expired", "refund_due"];

function ledgerOf(available: number, held: number): Round["ledger"] {
  return { allocated: available + held + 1, available, held, paid: 1, withdrawn: 0 };
}

/** An order for which money came. */
function makePaid(status: OrderStatus): Order {
  return makeOrder({ status, paymentId: "pay-1", version: 2 });
}

/** Where the units of an order in this status stand in the book. */
function placeOf(status: OrderStatus): "held" | "paid" | "available" {
  return status === "held" || status === "paid" ? status : "available";
}

describe("decideHold", () => {
  it("sets units aside for an open round, a fresh token and a buyer within the cap", () => {
    expect(decideHold(makeSituation(), makeRequest({ quantity: 2 }), "an-order", NOW)).toEqual({
      kind: "held",
      order: {
        orderId: "an-order",
        round: 3,
        jti: "B".repeat(22),
        buyerId: "b-2",
        quantity: 2,
        client: null,
        status: "held",
        version: 1,
        paymentId: null,
        holdExpiresAt: NOW + 60_000,
        createdAt: NOW,
        updatedAt: NOW,
        cause: CAUSE,
      },
    });
  });

  interface Row {
    readonly because: string;
    readonly round?: Partial<Round>;
    readonly situation?: Partial<HoldSituation>;
    readonly request?: Partial<HoldRequest>;
    readonly refusal: HoldRefusal;
  }

  const heldOut: HoldRefusal = { code: "held-out", nextReleaseAt: NOW + 30_000, retryAfterSeconds: 30 };

  const rows: readonly Row[] = [
    { because: "the token is of an earlier round", request: { round: 2 }, refusal: { code: "round-closed" } },
    { because: "the token is of a round that is to come", request: { round: 4 }, refusal: { code: "token-invalid" } },
    { because: "the round was closed", round: { closed: true }, refusal: { code: "round-closed" } },
    { because: "it closes in this millisecond", round: { closesAt: NOW }, refusal: { code: "round-closed" } },
    {
      because: "it opens in a millisecond",
      round: { opensAt: NOW + 1 },
      refusal: { code: "too-early", opensAt: NOW + 1, retryAfterSeconds: 1 },
    },
    {
      because: "it opens in a second and a millisecond: Retry-After is rounded up",
      round: { opensAt: NOW + 1001 },
      refusal: { code: "too-early", opensAt: NOW + 1001, retryAfterSeconds: 2 },
    },
    { because: "it is paused", round: { paused: true }, refusal: { code: "paused", retryAfterSeconds: 5 } },
    { because: "it is paused and closed", round: { paused: true, closed: true }, refusal: { code: "round-closed" } },
    {
      because: "it is paused before it opens",
      round: { paused: true, opensAt: NOW + 5000 },
      refusal: { code: "too-early", opensAt: NOW + 5000, retryAfterSeconds: 5 },
    },
    {
      because: "the quantity alone is over the cap",
      request: { quantity: 3 },
      refusal: { code: "buyer-limit", perBuyerLimit: 2 },
    },
    {
      because: "the quantity with what the buyer has is over the cap",
      situation: { buyerUnits: 1 },
      request: { quantity: 2 },
      refusal: { code: "buyer-limit", perBuyerLimit: 2 },
    },
    {
      because: "the cap is reached, also where nothing is left",
      round: { ledger: ledgerOf(0, 0) },
      situation: { buyerUnits: 2 },
      refusal: { code: "buyer-limit", perBuyerLimit: 2 },
    },
    {
      because: "a hold of the buyer is open, whatever his cap: it is told, with its end",
      situation: { openHolds: [makeOrder({ orderId: "open" })], buyerUnits: 2 },
      request: { hoarding: { ...HOARDING_OFF, openHoldsPerBuyer: 1 } },
      refusal: { code: "hold-open", productId: "p-1", orderId: "open", retryAfterSeconds: 30 },
    },
    {
      because: "more holds are open than may be by now: the end that makes room is told",
      situation: {
        openHolds: [10_000, 20_000, 30_000].map((ms) => makeOrder({ orderId: `${ms}`, holdExpiresAt: NOW + ms })),
      },
      request: { hoarding: { ...HOARDING_OFF, openHoldsPerBuyer: 2 } },
      refusal: { code: "hold-open", productId: "p-1", orderId: "20000", retryAfterSeconds: 20 },
    },
    {
      because: "the buyer let too much lapse, also where everything is held",
      round: { ledger: ledgerOf(0, 2) },
      situation: { history: { ...NO_HISTORY, lapsedAt: [NOW - 1000] } },
      request: { hoarding: { ...HOARDING_OFF, lapses: 1, cooldownSeconds: 60 } },
      refusal: { code: "hoarding", retryAfterSeconds: 59 },
    },
    {
      because: "the cap is reached, whatever lapsed: waiting would not help",
      situation: { buyerUnits: 2, history: { ...NO_HISTORY, lapsedAt: [NOW - 1000] } },
      request: { hoarding: { ...HOARDING_OFF, lapses: 1, cooldownSeconds: 60 } },
      refusal: { code: "buyer-limit", perBuyerLimit: 2 },
    },
    { because: "all units left are held", round: { ledger: ledgerOf(0, 2) }, refusal: heldOut },
    {
      because: "fewer are left than asked for, the held ones make it enough",
      round: { ledger: ledgerOf(1, 1) },
      request: { quantity: 2 },
      refusal: heldOut,
    },
    {
      because: "fewer are left, and the held ones would not make it enough",
      round: { ledger: ledgerOf(1, 1), perBuyerLimit: 5 },
      request: { quantity: 3 },
      refusal: { code: "sold-out", available: 1 },
    },
    {
      because: "all units are sold",
      round: { ledger: ledgerOf(0, 0) },
      situation: { nextReleaseAt: null },
      refusal: { code: "sold-out", available: 0 },
    },
    {
      because: "fewer are left than asked for and nothing is held",
      round: { ledger: ledgerOf(1, 0) },
      situation: { nextReleaseAt: null },
      request: { quantity: 2 },
      refusal: { code: "sold-out", available: 1 },
    },
    {
      because: "everything is held and the first hold ends in 1,001 ms: Retry-After is rounded up",
      round: { ledger: ledgerOf(0, 1) },
      situation: { nextReleaseAt: NOW + 1001 },
      refusal: { code: "held-out", nextReleaseAt: NOW + 1001, retryAfterSeconds: 2 },
    },
  ];

  it.each(rows)("refuses with $refusal.code when $because", ({ round, situation, request, refusal }) => {
    const made = makeSituation({ round: makeRound(round), ...situation });
    expect(decideHold(made, makeRequest(request), "an-order", NOW)).toEqual({ kind: "refused", refusal });
  });

  it("gives out the last unit", () => {
    const situation = makeSituation({ round: makeRound({ ledger: ledgerOf(1, 0) }), nextReleaseAt: null });
    expect(decideHold(situation, makeRequest(), "an-order", NOW).kind).toBe("held");
  });

  it("lets a buyer with fewer open holds than may be hold on", () => {
    const situation = makeSituation({ openHolds: [makeOrder()], buyerUnits: 1 });
    const request = makeRequest({ hoarding: { ...HOARDING_OFF, openHoldsPerBuyer: 2 } });
    expect(decideHold(situation, request, "an-order", NOW).kind).toBe("held");
  });

  it("T22 finds a token's order before it asks for open holds or lapses", () => {
    const prior = makeOrder();
    const situation = makeSituation({ prior, openHolds: [prior], history: { ...NO_HISTORY, lapsedAt: [NOW] } });
    const hoarding = { ...HOARDING_OFF, openHoldsPerBuyer: 1, lapses: 1, cooldownSeconds: 60 };
    const request = makeRequest({ jti: prior.jti, buyerId: prior.buyerId, hoarding });
    expect(decideHold(situation, request, "another", NOW)).toEqual({ kind: "replayed", order: prior });
  });

  it("T2 finds a token's order in every state of the round and of the order", () => {
    const rounds: Partial<Round>[] = [
      {},
      { closed: true },
      { closesAt: NOW },
      { paused: true },
      { opensAt: NOW + 1 },
      { round: 9 },
      { ledger: ledgerOf(0, 0) },
    ];
    for (const status of STATUSES) {
      const prior = makeOrder({ status });
      for (const round of rounds) {
        const situation = makeSituation({ prior, buyerUnits: 2, round: makeRound(round) });
        const request = makeRequest({ jti: prior.jti, buyerId: prior.buyerId });
        expect(decideHold(situation, request, "another", NOW)).toEqual({ kind: "replayed", order: prior });
      }
    }
  });

  it("refuses another quantity under the same token with token-mismatch", () => {
    const prior = makeOrder();
    const request = makeRequest({ buyerId: prior.buyerId, quantity: 2 });
    expect(decideHold(makeSituation({ prior }), request, "another", NOW)).toEqual({
      kind: "refused",
      refusal: { code: "token-mismatch" },
    });
  });

  it("T5 refuses another buyer under the same token with token-invalid, whatever the quantity", () => {
    for (const quantity of [1, 2]) {
      const decision = decideHold(makeSituation({ prior: makeOrder() }), makeRequest({ quantity }), "another", NOW);
      expect(decision).toEqual({ kind: "refused", refusal: { code: "token-invalid" } });
    }
  });
});

describe("isOver", () => {
  it.each([
    [NOW - 1, false],
    [NOW, true],
    [NOW + 1, true],
  ])("of a hold that ends at NOW, asked at %d: %s", (now, over) => {
    expect(isOver(makeOrder({ holdExpiresAt: NOW }), now)).toBe(over);
  });

  it("is false for an order that is no hold any more", () => {
    for (const status of STATUSES.filter((each) => each !== "held")) {
      expect(isOver(makeOrder({ status, holdExpiresAt: NOW - 1 }), NOW)).toBe(false);
    }
  });
});

describe("expire", () => {
  it("dates the change from the hold's end and counts the version up", () => {
    const order = makeOrder({ holdExpiresAt: NOW - 5000 });
    expect(expire(order)).toEqual({ ...order, status: "expired", version: 2, updatedAt: NOW - 5000 });
  });
});

describe("decidePayment", () => {
  it("of a held order: paid", () => {
    const order = makeOrder();
    expect(decidePayment(makeRound(), order, "pay-1", 1, NOW)).toEqual({
      kind: "changed",
      order: { ...order, status: "paid", paymentId: "pay-1", version: 2, updatedAt: NOW },
    });
  });

  it.each(["paid", "refund_due"] as const)("of a %s order with the same paymentId: unchanged", (status) => {
    const order = makePaid(status);
    expect(decidePayment(makeRound(), order, "pay-1", 9, NOW)).toEqual({ kind: "unchanged", order });
  });

  it.each(["paid", "refund_due"] as const)("of a %s order with another paymentId: wrong-state", (status) => {
    expect(decidePayment(makeRound(), makePaid(status), "pay-2", 0, NOW)).toEqual({
      kind: "refused",
      refusal: { code: "wrong-state", status },
    });
  });

  const late: readonly [string, Partial<Round>, number, number, OrderStatus][] = [
    ["stock is left", {}, 1, 0, "paid"],
    ["exactly its units are left", { ledger: ledgerOf(2, 0) }, 2, 0, "paid"],
    ["one unit too few is left", { ledger: ledgerOf(1, 0) }, 2, 0, "refund_due"],
    ["nothing is left", { ledger: ledgerOf(0, 3) }, 1, 0, "refund_due"],
    ["the buyer has just room under the cap", {}, 1, 1, "paid"],
    ["the buyer would be over the cap", {}, 1, 2, "refund_due"],
    ["the quantity would be over the cap", {}, 2, 1, "refund_due"],
    ["stock is left in a paused round", { paused: true }, 1, 0, "paid"],
  ];

  for (const status of ["cancelled", "expired"] as const) {
    it.each(late)(`of a ${status} order when %s: $4`, (_name, round, quantity, buyerUnits, outcome) => {
      const order = makeOrder({ status, quantity, version: 2 });
      expect(decidePayment(makeRound(round), order, "pay-1", buyerUnits, NOW)).toEqual({
        kind: "changed",
        order: { ...order, status: outcome, paymentId: "pay-1", version: 3, updatedAt: NOW },
      });
    });
  }
});

describe("decideCancellation", () => {
  it("of a held order: cancelled", () => {
    const order = makeOrder();
    const cancelled = { ...order, status: "cancelled", version: 2, updatedAt: NOW };
    expect(decideCancellation(order, NOW)).toEqual({ kind: "changed", order: cancelled });
  });

  it.each(["cancelled", "expired"] as const)("of an order that is %s: unchanged", (status) => {
    const order = makeOrder({ status });
    expect(decideCancellation(order, NOW)).toEqual({ kind: "unchanged", order });
  });

  it.each(["paid", "refund_due"] as const)("of an order that is %s: wrong-state", (status) => {
    expect(decideCancellation(makeOrder({ status }), NOW)).toEqual({
      kind: "refused",
      refusal: { code: "wrong-state", status },
    });
  });
});

describe("the stock book", () => {
  it.each(STATUSES.flatMap((from) => STATUSES.map((to) => [from, to] as const)))(
    "is conserved by moveUnits from %s to %s",
    (from, to) => {
      const book = { allocated: 40, available: 10, held: 10, paid: 10, withdrawn: 10 };
      const moved = moveUnits(book, from, to, 3);
      expect(isConserved(moved)).toBe(true);
      const [source, target] = [placeOf(from), placeOf(to)];
      expect(moved).toEqual(
        source === target ? book : { ...book, [source]: book[source] - 3, [target]: book[target] + 3 },
      );
    },
  );

  it("takes a new hold's units from what is available", () => {
    expect(moveUnits(LEDGER, null, "held", 2)).toEqual({ ...LEDGER, available: 4, held: 4 });
  });

  it("adds to what is allocated and available", () => {
    expect(addUnits(LEDGER, 5)).toEqual({ ...LEDGER, allocated: 15, available: 11 });
  });

  it("remembers what is withdrawn", () => {
    expect(withdrawUnits(LEDGER, 6)).toEqual({ ...LEDGER, available: 0, withdrawn: 7 });
  });

  it.each([
    ["it adds up", {}, true],
    ["a unit is missing", { available: 5 }, false],
    ["a unit is too many", { held: 3 }, false],
    ["a part is negative and the sum is right", { available: -1, held: 9 }, false],
    ["a part is no whole number and the sum is right", { available: 5.5, held: 2.5 }, false],
    ["a part is not a number", { available: Number.NaN }, false],
    ["a part is beyond exact numbers", { allocated: 2 ** 53 + 10, available: 2 ** 53 + 6 }, false],
  ])("isConserved when %s: %o -> %s", (_name, changes, conserved) => {
    expect(isConserved({ ...LEDGER, ...changes })).toBe(conserved);
  });
});
