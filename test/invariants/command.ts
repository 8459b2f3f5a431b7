/** How a command of the model-based test is made: it does something to model and object, and then compares the two. */
import type * as fc from "fast-check";
import { expect, vi } from "vitest";
import type { OrderAnswer, OrderSnapshot } from "../../durable-objects/product/protocol.ts";
import { inProduct, outboxOf, type QueueRecord, runAlarm, type TestedProduct } from "../support/worker/products.ts";
import { rowByEvents } from "../support/worker/archive.ts";
import type { ModelOrder, ProductModel } from "./product-model.ts";

/** The real object, and what the test has to remember of it. */
export interface Real {
  readonly id: string;
  readonly product: TestedProduct;
  readonly queue: QueueRecord;
  /** How many looks at an order found that it had left. */
  left: number;
  /** Callbacks that were answered before: sent again, they must be answered alike. */
  readonly callbacks: {
    readonly orderId: string;
    readonly send: OrderCall;
    readonly refusedStatus: string | null;
  }[];
}

export type Command = fc.AsyncCommand<ProductModel, Real>;

/** After every command: the object is as the model, and the promises hold. */
async function compare(model: ProductModel, real: Real): Promise<void> {
  model.tick();
  const seen = await inProduct(real.id, async (instance) => ({
    document: await instance.document(),
    check: await instance.check(),
    view: await instance.view(),
    orders: await Promise.all(model.orders.map(({ orderId }) => instance.order(orderId))),
  }));
  expect(seen.document).toMatchObject(model.document());
  expect(seen.check?.differences).toEqual([]);
  for (const [index, order] of model.orders.entries()) {
    const stored = seen.orders[index];
    if (stored === "archived") {
      expect(model.mayHaveLeft(order)).toBe(true);
      // Postgres, which was told by the events, answers as the object would.
      expect(rowOf(model, real, order)).toMatchObject(model.rowOf(order));
      real.left += 1;
    } else expect(stored).toMatchObject(model.orderView(order));
  }
  expect(seen.view).toMatchObject({ available: model.available(model.round), nextReleaseAt: model.nextReleaseAt() });
  // Promise 1, of every round that ever was.
  for (const round of model.rounds) {
    const taken = model.units("held", round.number) + model.units("paid", round.number);
    expect(taken).toBeLessThanOrEqual(round.allocated - round.withdrawn);
  }
  // Promise 3: the model's orders are all, and no two are of one token.
  expect(new Set(model.orders.map(({ jti }) => jti)).size).toBe(model.orders.length);
}

/** The order's row in Postgres: by the newest event that the writer has acknowledged. */
function rowOf(model: ProductModel, real: Real, { orderId }: ModelOrder): OrderSnapshot {
  const row = rowByEvents(orderId, real.queue.sentFor(real.id), ({ eventId }) => model.acknowledged.has(eventId));
  if (row === null) throw new Error(`Postgres does not have ${orderId}, which left its object`);
  return row;
}

export type OrderCall = (snapshot: OrderSnapshot | null) => Promise<OrderAnswer>;

/** As the Worker does it: the object first, and again with the row of Postgres if the order has left. */
export async function callAbout(
  model: ProductModel,
  real: Real,
  order: ModelOrder,
  send: OrderCall,
): Promise<OrderAnswer> {
  const answer = await send(null);
  if (answer.ok || answer.refusal.code !== "archived") return answer;
  return send(rowOf(model, real, order));
}

/** A command: what it does to both, and how a failing run's report names it. */
export function command(
  name: string,
  run: (model: ProductModel, real: Real) => Promise<void>,
  needsOrder = false,
): Command {
  return {
    check: (model) => !needsOrder || model.orders.length > 0,
    run: async (model, real) => {
      model.tick();
      await run(model, real);
      await compare(model, real);
    },
    toString: () => name,
  };
}

export function assertEqual(actual: unknown, expected: unknown): void {
  expect(actual).toEqual(expected);
}

export function assertMatch(actual: unknown, expected: object): void {
  expect(actual).toMatchObject(expected);
}

export function pick(model: ProductModel, index: number): ModelOrder {
  const order = model.orders[index % model.orders.length];
  if (order === undefined) throw new Error("The model has no order");
  return order;
}

/** Sends what is left, so that the writer has seen everything. */
export async function drain(model: ProductModel, real: Real): Promise<void> {
  real.queue.fail(false);
  for (let pass = 0; pass < 3; pass++) {
    // Beyond the longest wait before an event is sent again.
    vi.setSystemTime(model.now + 301_000);
    model.tick(model.now + 301_000);
    await runAlarm(real.id);
  }
  const sent = new Set(real.queue.sentFor(real.id).map(({ eventId }) => eventId));
  expect((await outboxOf(real.id)).filter(({ eventId }) => !sent.has(eventId))).toEqual([]);
  await compare(model, real);
}
