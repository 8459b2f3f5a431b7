import { describe, expect, test } from "vitest";
import type { Order, Product } from "../../client/documents.ts";
import type { RefusalCode } from "../../client/outcome.ts";
import {
  canBuy,
  canCancel,
  INITIAL_STATE,
  nextBoundary,
  phaseOf,
  reduceSale,
  type SaleEvent,
  type SalePhase,
  type SaleState,
} from "../../client/sale-state.ts";
import { ORDER, PRODUCT, refusal } from "./documents.ts";

const NOW = PRODUCT.opensAt + 10_000;

const seen = (change: Partial<Product> = {}): SaleEvent => ({
  type: "product-seen",
  product: { ...PRODUCT, ...change },
});
const bought = (change: Partial<Order> = {}): SaleEvent => ({ type: "bought", order: { ...ORDER, ...change } });
const asked = (change: Partial<Order>): SaleEvent => ({ type: "order-seen", order: { ...ORDER, ...change } });
const refused = (code: RefusalCode, fields: Parameters<typeof refusal>[1] = {}): SaleEvent => ({
  type: "refused",
  refusal: refusal(code, fields),
  now: NOW,
});
const buy: SaleEvent = { type: "buy" };
const cancel: SaleEvent = { type: "cancel" };

function after(...events: SaleEvent[]): SaleState {
  return events.reduce(reduceSale, INITIAL_STATE);
}

describe("the sale's phases", () => {
  const table: [SalePhase, canBuy: boolean, SaleEvent[]][] = [
    ["loading", false, []],
    ["missing", false, [{ type: "look-failed", refusal: refusal("not-found"), now: NOW }]],
    ["unreachable", false, [{ type: "look-failed", refusal: refusal("network"), now: undefined }]],
    ["open", true, [seen()]],
    ["open", true, [seen(), { type: "look-failed", refusal: refusal("network"), now: NOW }]],
    ["upcoming", false, [seen({ state: "upcoming", opensAt: NOW + 1 })]],
    // The button lights at the moment itself, whether or not the gateway was asked again.
    ["open", true, [seen({ state: "upcoming", opensAt: NOW })]],
    ["closed", false, [seen({ closesAt: NOW })]],
    ["held-out", false, [seen({ state: "held-out" })]],
    ["sold-out", false, [seen({ state: "sold-out" })]],
    ["sold-out", false, [seen({ state: "sold-out", closesAt: NOW })]],
    ["paused", false, [seen({ state: "paused" })]],
    ["paused", false, [seen({ state: "paused", opensAt: NOW - 1 })]],
    ["closed", false, [seen({ state: "closed" })]],
    ["buying", false, [seen(), buy]],
    ["buying", false, [seen(), buy, { type: "retrying", refusal: refusal("network") }]],
    ["held", false, [seen(), buy, bought()]],
    ["held-out", false, [seen(), buy, refused("held-out")]],
    ["sold-out", false, [seen(), buy, refused("sold-out")]],
    ["sold-out", false, [seen(), buy, refused("sold-out", { available: 0 })]],
    ["open", true, [seen(), buy, refused("sold-out", { available: 1 })]],
    ["paused", false, [seen(), buy, refused("paused")]],
    ["closed", false, [seen(), buy, refused("round-closed")]],
    ["upcoming", false, [seen(), buy, refused("too-early", { opensAt: NOW + 5_000 })]],
    ["open", true, [seen(), buy, refused("network")]],
    ["open", true, [seen(), buy, refused("buyer-limit")]],
    ["open", false, [seen(), buy, refused("rate-limited", { retryAfterMs: 1_000 })]],
    ["open", true, [seen(), buy, refused("held-out"), seen()]],
    ["cancelling", false, [seen(), buy, bought(), cancel]],
    ["cancelled", true, [seen(), buy, bought(), cancel, asked({ status: "cancelled" })]],
    ["held", false, [seen(), buy, bought(), cancel, refused("network")]],
    ["paid", false, [seen(), buy, bought(), asked({ status: "paid" })]],
    ["expired", true, [seen(), buy, bought(), asked({ status: "expired" })]],
    ["expired", false, [seen(), buy, bought(), asked({ status: "expired" }), seen({ state: "sold-out" })]],
    ["refund_due", false, [seen(), buy, bought(), asked({ status: "refund_due" })]],
    ["buying", false, [seen(), buy, bought(), asked({ status: "expired" }), buy]],
    ["open", true, [seen(), buy, bought(), { type: "order-missing" }]],
    // The same token's answer may be an order that has moved on meanwhile.
    ["paid", false, [seen(), buy, bought({ status: "paid" })]],
    // A new round begins with a clean page, unless the buyer's hold still runs.
    ["open", true, [seen(), buy, bought(), asked({ status: "paid" }), seen({ round: 2 })]],
    ["held", false, [seen(), buy, bought(), seen({ round: 2 })]],
  ];
  test.each(table)("%s (buy: %s), row %#", (phase, buyable, events) => {
    const state = after(...events);
    expect(phaseOf(state, NOW)).toBe(phase);
    expect(canBuy(state, NOW)).toBe(buyable);
  });
});

describe("reduceSale", () => {
  test("a Retry-After keeps the button grey until its very end", () => {
    const state = after(seen(), buy, refused("rate-limited", { retryAfterMs: 42_000 }));
    expect(state.notice?.retryAt).toBe(NOW + 42_000);
    expect(canBuy(state, NOW + 41_999)).toBe(false);
    expect(canBuy(state, NOW + 42_000)).toBe(true);
    expect(nextBoundary(state, NOW)).toBe(NOW + 42_000);
  });

  test("held-out tells when the next unit may come back, until something else is seen", () => {
    const heldOut = after(seen(), buy, refused("held-out", { nextReleaseAt: NOW + 9_000 }));
    expect(heldOut.nextReleaseAt).toBe(NOW + 9_000);
    expect(reduceSale(heldOut, seen({ state: "held-out" })).nextReleaseAt).toBe(NOW + 9_000);
    expect(reduceSale(heldOut, seen()).nextReleaseAt).toBeUndefined();
  });

  test("sold-out with units left bounds the next order, and is forgotten once the round does not sell or is another", () => {
    const few = after(seen(), buy, refused("sold-out", { available: 1 }));
    expect(few).toMatchObject({ unitsLeft: 1, notice: { refusal: { code: "sold-out", available: 1 } } });
    expect(reduceSale(few, seen())).toMatchObject({ unitsLeft: 1, notice: { refusal: { code: "sold-out" } } });
    expect(reduceSale(few, buy).unitsLeft).toBe(1);
    for (const event of [seen({ state: "sold-out" }), seen({ state: "closed" }), seen({ round: 2 })]) {
      const later = reduceSale(few, event);
      expect([later.unitsLeft, later.notice]).toEqual([undefined, undefined]);
    }
    expect(after(seen(), buy, refused("sold-out", { available: 1 }), buy, bought()).unitsLeft).toBeUndefined();
  });

  test("a new round forgets why a click in the last one was refused, though not a running Retry-After", () => {
    expect(after(seen(), buy, refused("buyer-limit"), seen({ round: 2 })).notice).toBeUndefined();
    const waiting = after(seen(), buy, refused("rate-limited", { retryAfterMs: 1_000 }), seen({ round: 2 }));
    expect(waiting.notice?.retryAt).toBe(NOW + 1_000);
  });

  test("a notice is gone with the next step, and with the order's next status", () => {
    const noticed = after(seen(), buy, bought(), cancel, refused("network"));
    expect(noticed.notice?.refusal.code).toBe("network");
    expect(reduceSale(noticed, asked({})).notice?.refusal.code).toBe("network");
    expect(reduceSale(noticed, asked({ status: "paid" })).notice).toBeUndefined();
    expect(reduceSale(noticed, cancel).notice).toBeUndefined();
  });

  test("a refused cancellation says nothing about the sale", () => {
    const state = after(seen(), buy, bought(), cancel, refused("paused", { retryAfterMs: 1_000 }));
    expect(state.product?.state).toBe("open");
    expect(state.notice?.refusal.code).toBe("paused");
  });

  test("failed looks are counted, and a good one forgets them", () => {
    const failed: SaleEvent = { type: "look-failed", refusal: refusal("network"), now: NOW };
    const state = after(seen(), failed, failed);
    expect(state.lookFailure?.times).toBe(2);
    expect(reduceSale(state, seen()).lookFailure).toBeUndefined();
  });

  test("is pure: the state before is not changed", () => {
    const before = after(seen());
    const copy = structuredClone(before);
    for (const event of [buy, bought(), refused("sold-out"), seen({ state: "closed" })]) reduceSale(before, event);
    expect(before).toEqual(copy);
  });
});

test("canCancel: only a hold that still runs, and nothing under way", () => {
  const held = after(seen(), buy, bought());
  expect(canCancel(held, NOW)).toBe(true);
  expect(canCancel(held, ORDER.holdExpiresAt)).toBe(false);
  expect(canCancel(reduceSale(held, cancel), NOW)).toBe(false);
  expect(canCancel(reduceSale(held, asked({ status: "paid" })), NOW)).toBe(false);
});
