/**
 * The product object against a reference model, under any sequence of steps, losses and clocks (promises 1, 2, 3, 5, 6).
 *
 * A failure prints the seed, and the shortest sequence that fails: `{ seed, path }` in `fc.assert` replays it.
 */
import * as fc from "fast-check";
import { expect, it, vi } from "vitest";
import type { OrderEvent } from "../../durable-objects/product/protocol.ts";
import {
  makeConfigure,
  makeProductId,
  makeRules,
  productStub,
  recordQueue,
  useMovableClock,
} from "../support/worker/products.ts";
import { drain, type Real } from "./command.ts";
import { productCommands } from "./product-commands.ts";
import { HOLD_SECONDS, type ModelOrder, ProductModel, RULES_FROZEN_SECONDS } from "./product-model.ts";
import { EPILOGUE } from "./world-commands.ts";

/** Some fifteen seconds of work. */
const RUNS = 60;
/** Units of the first round: so few that they run out, so many that orders are made. */
const STOCK = 8;
const TIMEOUT_MS = 300_000;

const queue = recordQueue();
useMovableClock();

/** What a writer makes of the events, however they come: the newest version of each order. */
function applyEvents(events: readonly OrderEvent[]): ReadonlyMap<string, OrderEvent> {
  const orders = new Map<string, OrderEvent>();
  const once = new Map(events.map((event) => [event.eventId, event]));
  for (const event of [...once.values()].toSorted((a, b) => a.version - b.version)) orders.set(event.orderId, event);
  return orders;
}

/** What an order's newest event and the model must agree on. */
function orderOf({ orderId, round, buyerId, quantity, status, paymentId, version }: OrderEvent | ModelOrder) {
  return { orderId, round, buyerId, quantity, status, paymentId, version };
}

function byId(a: { readonly orderId: string }, b: { readonly orderId: string }): number {
  return a.orderId < b.orderId ? -1 : 1;
}

async function setUp(): Promise<{ readonly model: ProductModel; readonly real: Real }> {
  const id = makeProductId();
  const product = productStub(id);
  const model = new ProductModel(Date.now());
  const rules = { opensAt: model.now, closesAt: model.now + 60_000, perBuyerLimit: 3 };
  model.configure(rules, STOCK);
  queue.fail(false);
  await product.configure(
    makeConfigure(id, {
      rules: makeRules({ ...rules, holdSeconds: HOLD_SECONDS }),
      stock: STOCK,
      rulesFrozenSeconds: RULES_FROZEN_SECONDS,
    }),
  );
  return { model, real: { id, product, queue, left: 0, callbacks: [] } };
}

it("T1 T2 T8 F1 F3 F4 F5 the product object does what the model says, whatever happens", {
  timeout: TIMEOUT_MS,
}, async () => {
  const start = Date.now();
  let left = 0;
  await fc.assert(
    fc.asyncProperty(productCommands, async (commands) => {
      vi.setSystemTime(start);
      const scene = await setUp();
      await fc.asyncModelRun(() => scene, commands);
      await fc.asyncModelRun(() => scene, EPILOGUE);
      const { model, real } = scene;
      await drain(model, real);
      left += real.left;
      const sent = queue.sentFor(real.id);
      const seqs = [...new Set(sent.map(({ seq }) => seq))].toSorted((a, b) => a - b);
      expect(seqs).toEqual(Array.from({ length: seqs.length }, (_, index) => index + 1));
      const orderEvents = sent.filter((event): event is OrderEvent => "orderId" in event);
      const applied = applyEvents(orderEvents);
      expect([...applied.values()].map(orderOf).toSorted(byId)).toEqual(model.orders.map(orderOf).toSorted(byId));
    }),
    { numRuns: RUNS },
  );
  // Without these nothing was seen of orders that left.
  expect(left).toBeGreaterThan(0);
});
