import { describe, expect, test } from "vitest";
import type { OrderStatus, Product } from "../../client/documents.ts";
import { decideNextLook } from "../../client/pace.ts";
import { INITIAL_STATE, type SaleState } from "../../client/sale-state.ts";
import { ORDER, PRODUCT, refusal } from "./documents.ts";

const NOW = PRODUCT.opensAt + 10_000;

function sale(change: Partial<Product>): SaleState {
  return { ...INITIAL_STATE, product: { ...PRODUCT, ...change } };
}

function ordered(status: OrderStatus, delivered: boolean): SaleState {
  return { ...sale({}), order: { ...ORDER, status, delivered } };
}

function failing(times: number): SaleState {
  return { ...sale({}), lookFailure: { refusal: refusal("network"), times } };
}

describe("decideNextLook", () => {
  test("looks right after the opening, spread, and not a moment before", () => {
    const upcoming = sale({ state: "upcoming", opensAt: NOW + 5_000 });
    expect(decideNextLook(upcoming, NOW, 1_000, 0)?.delayMs).toBe(5_000);
    const late = decideNextLook(upcoming, NOW, 1_000, 0.999)?.delayMs ?? 0;
    expect(late).toBeGreaterThan(5_000);
    expect(late).toBeLessThan(5_500);
  });

  test("never looks while max-age says that the last answer is good", () => {
    expect(decideNextLook(sale({ state: "held-out" }), NOW, 30_000, 0)?.delayMs).toBe(30_000);
  });

  test("never looks before Retry-After", () => {
    const quiet = { ...sale({ state: "paused" }), quietUntil: NOW + 60_000 };
    expect(decideNextLook(quiet, NOW, 0, 0)?.delayMs).toBe(60_000);
  });

  test("stretches every pace by a random share", () => {
    const first = decideNextLook(sale({}), NOW, 0, 0)?.delayMs ?? 0;
    const last = decideNextLook(sale({}), NOW, 0, 0.999)?.delayMs ?? 0;
    expect(last).toBeGreaterThan(first * 1.2);
    expect(last).toBeLessThan(first * 1.31);
  });

  test("slows down while the gateway does not answer", () => {
    const waits = [1, 2, 3, 9].map((times) => decideNextLook(failing(times), NOW, 0, 0)?.delayMs);
    expect(waits).toEqual([2_000, 4_000, 8_000, 30_000]);
  });

  test.each([
    ["held", false, { order: true, product: false }],
    ["held", true, { order: true, product: false }],
    ["paid", false, { order: true, product: false }],
    ["paid", true, undefined],
    ["refund_due", true, undefined],
    ["cancelled", false, { order: true, product: true }],
    ["cancelled", true, { order: false, product: true }],
    ["expired", true, { order: false, product: true }],
  ] as const)(
    "an order that is %s (delivered: %s) is looked at as far as it can change",
    (status, delivered, expected) => {
      const look = decideNextLook(ordered(status, delivered), NOW, 0, 0);
      expect(look === undefined ? undefined : { order: look.order, product: look.product }).toEqual(expected);
    },
  );

  test("looks at the end of the hold's time", () => {
    const held = ordered("held", true);
    expect(decideNextLook(held, ORDER.holdExpiresAt - 700, 0, 0)?.delayMs).toBe(700);
  });

  test("a closed sale is looked at now and then: the next round may come", () => {
    expect(decideNextLook(sale({ state: "closed" }), NOW, 0, 0)?.delayMs).toBe(30_000);
    expect(decideNextLook(sale({}), PRODUCT.closesAt, 0, 0)?.delayMs).toBe(30_000);
  });

  test("nothing can change any more: missing; and nothing is asked during a purchase", () => {
    const missing = { ...INITIAL_STATE, lookFailure: { refusal: refusal("not-found"), times: 1 } };
    expect(decideNextLook(missing, NOW, 0, 0)).toBeUndefined();
    expect(decideNextLook({ ...sale({}), activity: "buying" }, NOW, 0, 0)).toBeUndefined();
  });
});
