/** F7: what fails for good waits for an operator, who can look at it and send it again. */
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { listDeadLetters, replayDeadLetter } from "../../src/origin/dead-letters.ts";
import { orderEvent, stockEvent } from "../unit/origin/event-fixtures.ts";
import {
  createOriginDatabase,
  FakeBindings,
  type OriginDatabase,
  openFaultyWay,
  write,
  bury,
  fillStock,
} from "./origin-database.ts";

/** Deliveries of the dead letter queue after which nobody waits for an earlier event any more. */
const PATIENCE = 5;

let database: OriginDatabase;
let bindings: FakeBindings;

beforeAll(async () => {
  database = await createOriginDatabase("dead_letters");
});

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  vi.spyOn(console, "error").mockImplementation(() => {});
  bindings = new FakeBindings(database.connectionString);
});

async function find(eventId: string) {
  const letters = await listDeadLetters(database, { limit: 100 });
  return letters.find((letter) => letter.eventId === eventId);
}

/** An event that is valid, but that Postgres cannot hold: its product's stock is full. */
async function impossibleEvent(productId: string) {
  await fillStock(database, productId);
  return stockEvent({ productId, returned: 1 });
}

describe("storeDeadLetters", () => {
  it("F7: keeps an event that is impossible, and tells its product to stop sending it", async () => {
    const event = await impossibleEvent("kept");
    expect((await bury(bindings, [event])).acked).toEqual(["0"]);
    expect(bindings.parked).toEqual([event.eventId]);
    expect(await find(event.eventId)).toEqual({
      eventId: event.eventId,
      productId: "kept",
      body: event,
      reason: "Postgres refuses it: 22003",
      attempts: 1,
      firstFailedAt: expect.any(Number),
      lastFailedAt: expect.any(Number),
      replayedAt: null,
    });
  });

  it("F7: counts a letter that comes again, and keeps one row", async () => {
    const event = await impossibleEvent("counted");
    await bury(bindings, [event, event]);
    await bury(bindings, [event]);
    expect(await find(event.eventId)).toMatchObject({ attempts: 2 });
  });

  it.each([
    ["nothing", null],
    ["text", "garbage"],
    ["an object without an id", { some: "thing" }],
    ["an id that is no text", { eventId: 7 }],
    ["an id that fits no index", { eventId: "x".repeat(4000) }],
  ])("F7: keeps %s under a digest, the same each time", async (_, body) => {
    const before = await listDeadLetters(database, { limit: 100 });
    expect((await bury(bindings, [body])).acked).toEqual(["0"]);
    await bury(bindings, [body]);
    const known = new Set(before.map((letter) => letter.eventId));
    const added = (await listDeadLetters(database, { limit: 100 })).filter((letter) => !known.has(letter.eventId));
    expect(added).toMatchObject([{ eventId: expect.stringMatching(/^digest\.[0-9a-f]{64}$/), body, attempts: 2 }]);
    expect(bindings.parked).toEqual([]);
  });

  it.each([
    ["U+0000", "a\u0000b"],
    ["half a surrogate pair", "a\uD800"],
  ])("F7: keeps what jsonb cannot hold: %s", async (_, buyerId) => {
    const event = orderEvent({ orderId: `unstorable-${buyerId.length}`, buyerId });
    expect((await bury(bindings, [event])).acked).toEqual(["0"]);
    const letter = await find(event.eventId);
    expect(letter).toMatchObject({ productId: "lamp", reason: expect.stringContaining("buyerId") });
    await replayDeadLetter(bindings.env, database, event.eventId);
    expect(bindings.sent).toEqual([event]);
  });

  it("F6: applies a good event that only an outage has brought here", async () => {
    const event = stockEvent({ productId: "outlived" });
    expect((await bury(bindings, [event])).acked).toEqual(["0"]);
    expect(bindings.acknowledged).toEqual([event.eventId]);
    expect(await find(event.eventId)).toBeUndefined();
  });

  it("F6: waits with an event whose predecessor may still come, for some time", async () => {
    const event = orderEvent({ productId: "orphan", orderId: "orphan-1" });
    expect(await bury(bindings, [event], PATIENCE - 1)).toMatchObject({ acked: [], retried: [{ msgId: "0" }] });
    expect((await bury(bindings, [event], PATIENCE)).acked).toEqual(["0"]);
    expect(await find("orphan-1.1")).toMatchObject({ reason: expect.stringContaining("not known yet") });
  });

  it("F6: keeps everything in the queue while Postgres is down", async () => {
    bindings = new FakeBindings(await openFaultyWay(database, { kind: "refused" }));
    expect(await bury(bindings, [stockEvent({ productId: "down" }), "garbage"])).toMatchObject({
      acked: [],
      retried: [{ msgId: "0" }, { msgId: "1" }],
    });
    expect(bindings.parked).toEqual([]);
  });

  it("keeps the letter when its product cannot be told", async () => {
    const event = await impossibleEvent("untold");
    bindings.productsFail = true;
    expect((await bury(bindings, [event])).acked).toEqual(["0"]);
    expect(await find(event.eventId)).toBeDefined();
  });
});

describe("listDeadLetters", () => {
  it("gives at most so many, the oldest first", async () => {
    const letters = await listDeadLetters(database, { limit: 3 });
    expect(letters).toHaveLength(3);
    expect(letters.map((letter) => letter.firstFailedAt)).toEqual(
      letters.map((letter) => letter.firstFailedAt).toSorted((a, b) => a - b),
    );
  });
});

describe("replayDeadLetter", () => {
  it("F7: sends the event again; once it is applied, nothing waits any more", async () => {
    const event = await impossibleEvent("mended");
    await bury(bindings, [event]);
    expect(await replayDeadLetter(bindings.env, database, event.eventId)).toMatchObject({
      productId: event.productId,
      replayedAt: expect.any(Number),
    });
    expect(bindings.sent).toEqual([event]);
    expect(await find(event.eventId)).toMatchObject({ replayedAt: expect.any(Number) });
    await database.sql`UPDATE products SET stock = 0 WHERE id = 'mended'`;
    expect((await write(bindings, bindings.sent)).acked).toEqual(["0"]);
    expect(bindings.acknowledged).toEqual([event.eventId]);
    expect(await find(event.eventId)).toBeUndefined();
    expect(await replayDeadLetter(bindings.env, database, event.eventId)).toBeNull();
  });

  it("shows a letter that failed again", async () => {
    const event = await impossibleEvent("stubborn");
    await bury(bindings, [event]);
    await replayDeadLetter(bindings.env, database, event.eventId);
    await bury(bindings, bindings.sent);
    const letter = await find(event.eventId);
    expect(letter).toMatchObject({ attempts: 2 });
    expect(letter?.lastFailedAt).toBeGreaterThanOrEqual(letter?.replayedAt ?? Number.POSITIVE_INFINITY);
  });

  it("answers null for an id that does not wait", async () => {
    expect(await replayDeadLetter(bindings.env, database, "unknown")).toBeNull();
    expect(bindings.sent).toEqual([]);
  });

  it("is not marked as replayed when the queue does not take it", async () => {
    const event = await impossibleEvent("unsent");
    await bury(bindings, [event]);
    const send = vi.fn<() => Promise<void>>().mockRejectedValue(new Error("The queue is full"));
    const env: object = { ORDER_EVENTS: { send } };
    await expect(replayDeadLetter(env as Env, database, event.eventId)).rejects.toThrow("full");
    expect(await find(event.eventId)).toMatchObject({ replayedAt: null });
  });
});
