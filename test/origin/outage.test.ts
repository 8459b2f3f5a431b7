/** F6: Postgres down, slow, or cut around the COMMIT: nothing is lost, nothing happens twice. */
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { orderEvent, stockEvent } from "../unit/origin/event-fixtures.ts";
import {
  CONFIG,
  createOriginDatabase,
  FakeBindings,
  type FaultRequest,
  type OriginDatabase,
  openFaultyWay,
  openForTest,
  write,
} from "./origin-database.ts";

let database: OriginDatabase;
let working: FakeBindings;

beforeAll(async () => {
  database = await createOriginDatabase("outage");
  working = new FakeBindings(database.connectionString);
});

beforeEach(async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  vi.useRealTimers();
  // The breaker belongs to the isolate: a success closes it, whatever the test before left behind.
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(Date.now() + 3_600_000);
  await write(working, [stockEvent({ productId: "warm-up" })]);
});

async function faulty(fault: FaultRequest): Promise<FakeBindings> {
  return new FakeBindings(await openFaultyWay(database, fault));
}

async function countEvents(productId: string): Promise<unknown> {
  const [row] = await database.sql`SELECT count(*)::integer AS count FROM order_events WHERE product_id = ${productId}`;
  return row?.["count"];
}

describe("writeBatch", () => {
  it("F6: refused connections: every message is tried again later", async () => {
    const bindings = await faulty({ kind: "refused" });
    const settled = await write(bindings, [
      stockEvent({ productId: "refused" }),
      orderEvent({ productId: "refused", orderId: "refused-1" }),
    ]);
    expect(settled.acked).toEqual([]);
    expect(settled.retried.map(({ msgId }) => msgId)).toEqual(["0", "1"]);
    expect(bindings.acknowledged).toEqual([]);
  });

  it("F6: a silent server: gives up within its time", async () => {
    const bindings = await faulty({ kind: "silent" });
    const startedAt = performance.now();
    const settled = await write(bindings, [stockEvent({ productId: "silent" })], { ...CONFIG, timeoutMs: 300 });
    expect(settled.retried).toHaveLength(1);
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });

  it("F6: a lock that is not released: gives up within its time, and the rest passes later", async () => {
    const event = stockEvent({ productId: "locked" });
    await write(working, [event]);
    const later = stockEvent({ productId: "locked", version: 2, seq: 2, allocated: 12 });
    const holder = openForTest(database.connectionString);
    await holder.begin(async (sql) => {
      await sql`SELECT 1 FROM products WHERE id = 'locked' FOR UPDATE`;
      const settled = await write(working, [later], { ...CONFIG, timeoutMs: 300 });
      expect(settled.retried).toHaveLength(1);
    });
    expect((await write(working, [later])).acked).toEqual(["0"]);
    expect(await countEvents("locked")).toBe(2);
  });

  it("F6: cut after COMMIT: tried again, with one effect", async () => {
    const bindings = await faulty({ kind: "cut-after-commit", times: 1 });
    const events = [
      stockEvent({ productId: "after" }),
      orderEvent({ productId: "after", orderId: "after-1", quantity: 3 }),
    ];
    const first = await write(bindings, events);
    expect(first.acked).toEqual([]);
    expect(bindings.acknowledged).toEqual([]);
    // The fault is what it says: Postgres has them, and only the writer does not know.
    expect(await countEvents("after")).toBe(2);
    expect((await write(bindings, events)).acked).toEqual(["0", "1"]);
    expect(bindings.acknowledged).toEqual(["after.1.1", "after-1.1"]);
    expect(await countEvents("after")).toBe(2);
    expect(await database.sql`SELECT held FROM products WHERE id = 'after'`).toMatchObject([{ held: 3 }]);
  });

  it("F6: cut before COMMIT: nothing happened, and it all happens at the next try", async () => {
    const bindings = await faulty({ kind: "cut-before-commit", times: 1 });
    const events = [stockEvent({ productId: "before" })];
    expect((await write(bindings, events)).acked).toEqual([]);
    expect(await countEvents("before")).toBe(0);
    expect((await write(bindings, events)).acked).toEqual(["0"]);
    expect(await countEvents("before")).toBe(1);
  });

  it("F6: a backend that is terminated in the middle: nothing is half done", async () => {
    const event = stockEvent({ productId: "terminated" });
    await write(working, [event]);
    const holder = openForTest(database.connectionString);
    const order = orderEvent({ productId: "terminated", orderId: "terminated-1" });
    await holder.begin(async (sql) => {
      await sql`SELECT 1 FROM products WHERE id = 'terminated' FOR UPDATE`;
      const waiting = write(working, [order]);
      await vi.waitFor(async () => {
        const killed = await database.sql`
          SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'sluice'`;
        expect(killed.length).toBe(1);
      });
      expect((await waiting).acked).toEqual([]);
    });
    expect(await countEvents("terminated")).toBe(1);
    expect((await write(working, [order])).acked).toEqual(["0"]);
    expect(await countEvents("terminated")).toBe(2);
  });

  it("F6: after several failures in a row Postgres is left alone for a while, then tried again", async () => {
    const broken = await faulty({ kind: "refused" });
    const event = stockEvent({ productId: "breaker" });
    for (let failure = 0; failure < CONFIG.breakerFailures; failure++) {
      expect((await write(broken, [event])).retriedAll.retry).toBe(false);
    }
    const paused = await write(working, [event]);
    expect(paused).toMatchObject({ acked: [], retriedAll: { retry: true } });
    expect(await countEvents("breaker")).toBe(0);
    vi.setSystemTime(Date.now() + CONFIG.breakerPauseMs);
    expect((await write(working, [event])).acked).toEqual(["0"]);
    expect(await countEvents("breaker")).toBe(1);
  });
});
