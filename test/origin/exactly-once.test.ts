/** F5: whatever the queue does to the events, Postgres ends up the same, and each has exactly one effect. */
import * as fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { openDatabase } from "../../src/origin/database.ts";
import { applyEvents } from "../../src/origin/writer/apply-events.ts";
import type { ProductEvent } from "../../durable-objects/product/protocol.ts";
import { orderEvent, playHistory, stockEvent } from "../unit/origin/event-fixtures.ts";
import { choices, historySteps, shuffle } from "../unit/origin/history-arbitrary.ts";
import { CONFIG, createOriginDatabase, FakeBindings, type OriginDatabase, write } from "./origin-database.ts";

let database: OriginDatabase;

beforeAll(async () => {
  database = await createOriginDatabase("exactly_once");
});

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
});

async function readRows(productId: string) {
  const { sql } = database;
  const [product] =
    await sql`SELECT round, allocated, held, paid, withdrawn, stock FROM products WHERE id = ${productId}`;
  const orders = await sql<
    { id: string; status: string }[]
  >`SELECT id, status FROM orders WHERE product_id = ${productId}`;
  const [events] = await sql`SELECT count(*)::integer AS count FROM order_events WHERE product_id = ${productId}`;
  return {
    product: { ...product },
    orders: Object.fromEntries(orders.map(({ id, status }) => [id, status])),
    events: events?.["count"],
  };
}

function cut(events: readonly ProductEvent[], choose: () => number): ProductEvent[][] {
  const batches: ProductEvent[][] = [];
  for (let rest = events; rest.length > 0; ) {
    const size = 1 + (choose() % 8);
    batches.push(rest.slice(0, size));
    rest = rest.slice(size);
  }
  return batches;
}

describe("applyEvents", () => {
  it("F5: any order, any duplicates, any batches: the same rows, one record per event", async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(historySteps, choices, async (steps, choose) => {
        const productId = `property-${run++}`;
        const history = playHistory(productId, 6, steps);
        const copies = history.events.flatMap((event) => Array.from({ length: 1 + (choose() % 3) }, () => event));
        let batches = cut(shuffle(copies, choose), choose);
        // What is not yet possible comes again, as the queue and the outbox bring it; each turn gets something through.
        for (let turn = 0; batches.length > 0; turn++) {
          expect(turn).toBeLessThanOrEqual(history.events.length);
          const again: ProductEvent[] = [];
          for (const batch of batches) {
            const outcomes = await applyEvents(database, batch);
            const statuses = batch.map((event) => outcomes.get(event.eventId)?.status);
            expect(statuses.filter((status) => status !== "applied" && status !== "not-yet")).toEqual([]);
            again.push(...batch.filter((_, index) => statuses[index] !== "applied"));
          }
          batches = cut(shuffle(again, choose), choose);
        }
        expect(await readRows(productId)).toEqual({
          product: history.product,
          orders: history.orders,
          events: history.events.length,
        });
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  it("F5: writers at the same time, each with everything, in its own order", async () => {
    const steps = Array.from({ length: 60 }, (_, pick) => ({
      kind: pick % 3 === 2 ? ("pay" as const) : ("hold" as const),
      pick,
    }));
    const history = playHistory("crowded", 50, steps);
    const writers = Array.from({ length: 4 }, () => openDatabase(database.connectionString, CONFIG.timeoutMs));
    const results = await Promise.all(
      writers.map(async (client, index) => {
        const turned = [...history.events.slice(index * 7), ...history.events.slice(0, index * 7)];
        return await applyEvents(client, turned);
      }),
    );
    for (const outcomes of results)
      expect(new Set([...outcomes.values()].map(({ status }) => status))).toEqual(new Set(["applied"]));
    expect(await readRows("crowded")).toEqual({
      product: history.product,
      orders: history.orders,
      events: history.events.length,
    });
  });

  it("F5: writers of several products in opposite orders do not wait for each other for ever", async () => {
    const products = Array.from({ length: 6 }, (_, index) => `crossed-${index}`);
    const events = products.map((productId) => stockEvent({ productId }));
    const writers = Array.from({ length: 4 }, () => openDatabase(database.connectionString, CONFIG.timeoutMs));
    const results = await Promise.all(
      writers.map(async (client, index) => await applyEvents(client, index % 2 === 0 ? events : events.toReversed())),
    );
    for (const outcomes of results) for (const outcome of outcomes.values()) expect(outcome.status).toBe("applied");
  });
});

describe("writeBatch", () => {
  it("F5: acknowledges duplicates again, because the outbox asks only when it missed the answer", async () => {
    const events = [stockEvent({ productId: "again" }), orderEvent({ productId: "again", orderId: "again-1" })];
    const bindings = new FakeBindings(database.connectionString);
    for (const _ of [1, 2]) expect((await write(bindings, events)).acked).toEqual(["0", "1"]);
    expect(bindings.acknowledged).toEqual([...events, ...events].map((event) => event.eventId));
    expect(await readRows("again")).toMatchObject({ product: { held: 1 }, events: 2 });
  });

  it("F5: acknowledges the messages when the product cannot be told, and tells it at the next delivery", async () => {
    const events = [stockEvent({ productId: "deaf" })];
    const bindings = new FakeBindings(database.connectionString);
    bindings.productsFail = true;
    expect((await write(bindings, events)).acked).toEqual(["0"]);
    bindings.productsFail = false;
    await write(bindings, events);
    expect(bindings.acknowledged).toEqual(["deaf.1.1"]);
  });

  it("F5: puts an order off until its round's stock event has come", async () => {
    const bindings = new FakeBindings(database.connectionString);
    const order = orderEvent({ productId: "early", orderId: "early-1" });
    const first = await write(bindings, [order]);
    expect(first).toMatchObject({ acked: [], retried: [{ msgId: "0" }] });
    expect(bindings.acknowledged).toEqual([]);
    await write(bindings, [stockEvent({ productId: "early" })]);
    expect((await write(bindings, [order])).acked).toEqual(["0"]);
  });

  it("carries the request's thread into Postgres", async () => {
    const event = stockEvent({ productId: "thread", requestId: "request-9" });
    await write(new FakeBindings(database.connectionString), [event]);
    const [row] =
      await database.sql`SELECT request_id, traceparent, at FROM order_events WHERE event_id = ${event.eventId}`;
    expect(row).toEqual({ request_id: "request-9", traceparent: event.traceparent, at: new Date(event.at) });
  });
});
