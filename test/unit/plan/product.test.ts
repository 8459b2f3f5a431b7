import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_BATCH, MAX_WAITING, RUSH_BATCH, RUSH_REST_MS } from "../../../scripts/plan/gateway-rules.ts";
import { Processor } from "../../../scripts/plan/simulation/processor.ts";
import { type OrderState, Product } from "../../../scripts/plan/simulation/product.ts";
import { TIMES } from "./planned-sale.ts";

const STOCK = 5;
const HOLD_MS = 100;

function makeProduct(stock = STOCK) {
  const orders = new Map<number, OrderState>();
  const options = { stock, quantity: 1, holdMs: HOLD_MS, commitMs: 4, leastCallMs: 0 };
  return { orders, product: new Product(options, TIMES, new Processor(), orders) };
}

describe("Product", () => {
  it("an idle object commits at once, what comes meanwhile is gathered", () => {
    const { product } = makeProduct();
    product.submit({ kind: "hold", subject: 1 });
    const first = product.commit(0);
    expect(first?.answers).toMatchObject([{ subject: 1, outcome: "held" }]);
    product.submit({ kind: "hold", subject: 2 });
    product.submit({ kind: "hold", subject: 3 });
    expect(product.commit(1)).toBeUndefined();
    product.committed();
    expect(product.commit(5)?.answers).toHaveLength(2);
  });

  it("a commit costs what a commit and its commands cost, and its answers leave when it is durable", () => {
    const { product } = makeProduct();
    product.submit({ kind: "hold", subject: 1 });
    product.submit({ kind: "hold", subject: 2 });
    expect(product.commit(0)?.durableAt).toBeCloseTo(TIMES.commit + 2 * TIMES.command + 4, 9);
  });

  it.each([
    [RUSH_BATCH - 1, 0],
    [RUSH_BATCH, RUSH_REST_MS],
  ])("behind a commit of %d the next one waits %d ms for company", (commands, restMs) => {
    const { product } = makeProduct(MAX_BATCH);
    for (let subject = 0; subject < commands; subject++) product.submit({ kind: "hold", subject });
    expect(product.commit(0)?.restMs).toBe(restMs);
  });

  it(`gathers ${MAX_BATCH} at the most, and lets ${MAX_WAITING} wait`, () => {
    const { product } = makeProduct();
    const taken = Array.from({ length: MAX_WAITING }, (_, subject) => product.submit({ kind: "hold", subject }));
    expect(taken.every(Boolean)).toBe(true);
    expect(product.submit({ kind: "hold", subject: MAX_WAITING })).toBe(false);
    expect(product.commit(0)?.answers).toHaveLength(MAX_BATCH);
  });

  it("a hold that ends gives its unit back; a late payment gets it if it is still there", () => {
    const { orders, product } = makeProduct(1);
    product.submit({ kind: "hold", subject: 1 });
    product.commit(0);
    product.committed();
    expect(product.view()).toEqual({ available: 0, held: 1, nextReleaseAt: HOLD_MS });
    product.submit({ kind: "pay", subject: 1 });
    expect(product.commit(HOLD_MS)?.expired).toBe(1);
    expect(orders.get(1)).toBe("paid");
    expect(product).toMatchObject({ available: 0, held: 0, paid: 1 });
  });

  it("a late payment without a unit left is due for refund", () => {
    const { orders, product } = makeProduct(1);
    product.submit({ kind: "hold", subject: 1 });
    product.commit(0);
    product.committed();
    product.submit({ kind: "hold", subject: 2 });
    product.submit({ kind: "pay", subject: 1 });
    product.commit(HOLD_MS);
    expect([orders.get(1), orders.get(2)]).toEqual(["refund-due", "held"]);
  });

  it("keeps its stock book whatever comes in whatever order", () => {
    const command = fc.record({
      kind: fc.constantFrom("hold", "replay", "pay", "cancel", "sweep"),
      subject: fc.integer({ min: 0, max: 20 }),
      afterMs: fc.integer({ min: 0, max: 60 }),
    });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        const { orders, product } = makeProduct();
        let now = 0;
        for (const { kind, subject, afterMs } of commands) {
          now += afterMs;
          // A buyer has one order.
          if (kind === "hold" && orders.has(subject)) continue;
          product.submit({ kind, subject });
          product.commit(now);
          product.committed();
          expect(product.available + product.held + product.paid).toBe(STOCK);
          expect(Math.min(product.available, product.held, product.paid)).toBeGreaterThanOrEqual(0);
          expect(product.held).toBe([...orders.values()].filter((state) => state === "held").length);
        }
      }),
    );
  });
});
