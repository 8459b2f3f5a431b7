/** F5, F6 and F7 where a message has several events: each has one effect, and none keeps the others. */
import * as fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { packMessages } from "../../durable-objects/product/event-messages.ts";
import type { ProductEvent } from "../../durable-objects/product/protocol.ts";
import { listDeadLetters, replayDeadLetter } from "../../src/origin/dead-letters.ts";
import { eventsOf, parseMessage } from "../../src/origin/writer/parse-message.ts";
import { orderEvent, playHistory, stockEvent } from "../unit/origin/event-fixtures.ts";
import { choices, historySteps, shuffle } from "../unit/origin/history-arbitrary.ts";
import {
  CONFIG,
  createOriginDatabase,
  FakeBindings,
  type OriginDatabase,
  openFaultyWay,
  together,
  write,
  bury,
  fillStock,
} from "./origin-database.ts";

let database: OriginDatabase;
let bindings: FakeBindings;

beforeAll(async () => {
  database = await createOriginDatabase("groups");
});

beforeEach(() => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  vi.spyOn(console, "error").mockImplementation(() => {});
  bindings = new FakeBindings(database.connectionString);
});

/** A round with stock for all, and so many holds in it. */
function sale(productId: string, orders: number): ProductEvent[] {
  const holds = Array.from({ length: orders }, (_, index) =>
    orderEvent({ productId, orderId: `${productId}-${index}`, seq: 2 + index }),
  );
  return [stockEvent({ productId, allocated: orders }), ...holds];
}

/** Valid, but Postgres cannot hold it: its product's stock is full. */
async function impossibleEvent(productId: string): Promise<ProductEvent> {
  await fillStock(database, productId);
  return stockEvent({ productId, returned: 1 });
}

async function readProduct(id: string): Promise<unknown> {
  const [row] = await database.sql`SELECT allocated, held, paid, version FROM products WHERE id = ${id}`;
  return { ...row };
}

async function countEvents(productId: string): Promise<unknown> {
  const [row] = await database.sql`SELECT count(*)::integer AS count FROM order_events WHERE product_id = ${productId}`;
  return row?.["count"];
}

async function lettersOf(productId: string) {
  const letters = await listDeadLetters(database, { limit: 100 });
  return letters.filter((letter) => letter.productId === productId);
}

describe("writeBatch", () => {
  it("applies the events of all messages, and tells each product once", async () => {
    const [first, second] = [sale("all-1", 150), sale("all-2", 40)];
    const messages = packMessages([...first, ...second].map((event) => JSON.stringify(event)));
    expect((await write(bindings, messages)).acked).toEqual(["0", "1"]);
    expect(bindings.calls).toEqual([151, 41]);
    expect(new Set(bindings.acknowledged)).toEqual(new Set([...first, ...second].map(({ eventId }) => eventId)));
    expect(await readProduct("all-1")).toMatchObject({ allocated: 150, held: 150 });
    expect(await countEvents("all-2")).toBe(41);
  });

  it("takes a large batch in transactions of a thousand events", async () => {
    const events = sale("large", 2400);
    const messages = packMessages(events.map((event) => JSON.stringify(event)));
    expect((await write(bindings, messages)).acked).toHaveLength(messages.length);
    expect(await readProduct("large")).toEqual({ allocated: 2400, held: 2400, paid: 0, version: 3 });
    expect(await countEvents("large")).toBe(2401);
  });

  it("F5: reads bare events of an older version beside messages of several", async () => {
    const [stock, ...holds] = sale("mixed", 3);
    expect((await write(bindings, [stock, together(holds)])).acked).toEqual(["0", "1"]);
    expect(await readProduct("mixed")).toMatchObject({ held: 3 });
  });

  it("F5: a message that comes twice, in one batch and again, has one effect", async () => {
    const events = sale("twice", 20);
    const message = together(events);
    expect((await write(bindings, [message, message])).acked).toEqual(["0", "1"]);
    expect((await write(bindings, [message])).acked).toEqual(["0"]);
    expect(await countEvents("twice")).toBe(21);
    expect(await readProduct("twice")).toMatchObject({ held: 20, version: 1 });
  });

  it("F5: a message of which half was applied before applies the other half", async () => {
    const events = sale("half", 20);
    await write(bindings, [together(events.slice(0, 10)), together(events.slice(15))]);
    expect((await write(bindings, [together(events)])).acked).toEqual(["0"]);
    expect(await countEvents("half")).toBe(21);
    expect(await readProduct("half")).toMatchObject({ held: 20 });
  });

  it("F7: what is impossible is sent again alone, the others pass, and the message is done with", async () => {
    const events = sale("poisoned", 30);
    const poison = await impossibleEvent("poisoned-full");
    const garbage = { ...orderEvent(), quantity: 0 };
    const settled = await write(bindings, [together([...events.slice(0, 20), poison, garbage, ...events.slice(20)])]);
    expect(settled).toMatchObject({ acked: ["0"], retried: [] });
    expect(bindings.sent).toEqual([together([poison]), together([garbage])]);
    expect(await readProduct("poisoned")).toMatchObject({ held: 30 });
    expect(bindings.acknowledged).toHaveLength(31);
  });

  it("F7: alone, it waits as long as any that failed so often, and the queue counts its attempts", async () => {
    const poison = await impossibleEvent("counted-full");
    await write(bindings, [together([...sale("counted", 1), poison])], CONFIG, 4);
    expect(bindings.delays).toEqual([8]);
    const settled = await write(bindings, bindings.sent, CONFIG, 3);
    expect(settled).toMatchObject({ acked: [], retried: [{ msgId: "0" }] });
    expect(bindings.sent).toHaveLength(1);
  });

  it("F5: events that wait for an earlier one go on together, and pass once it has come", async () => {
    const [stock, ...holds] = sale("later", 5);
    const others = sale("sooner", 5);
    await write(bindings, [together([...holds, ...others])]);
    expect(bindings.sent).toEqual([together(holds)]);
    expect((await write(bindings, bindings.sent)).retried).toHaveLength(1);
    await write(bindings, [stock]);
    expect((await write(bindings, bindings.sent)).acked).toEqual(["0"]);
    expect(await readProduct("later")).toMatchObject({ held: 5 });
  });

  it("F7: while the queue takes nothing, the message stays, and loses no event", async () => {
    const poison = await impossibleEvent("stuck-full");
    const message = together([...sale("stuck", 3), poison]);
    bindings.queueFails = true;
    expect(await write(bindings, [message])).toMatchObject({ acked: [], retried: [{ msgId: "0" }] });
    expect(await countEvents("stuck")).toBe(4);
    bindings.queueFails = false;
    expect((await write(bindings, [message])).acked).toEqual(["0"]);
    expect(bindings.sent).toEqual([together([poison])]);
    expect(await countEvents("stuck")).toBe(4);
  });

  it("F6: while Postgres is down, messages are tried again whole, and nothing is sent", async () => {
    const down = new FakeBindings(await openFaultyWay(database, { kind: "refused" }));
    const message = together([...sale("down", 3), { ...orderEvent(), quantity: 0 }]);
    expect(await write(down, [message])).toMatchObject({ acked: [], retried: [{ msgId: "0" }] });
    expect(down.sent).toEqual([]);
    expect(down.acknowledged).toEqual([]);
  });

  it("F6: cut after COMMIT of a batch of several transactions: tried again, with one effect", async () => {
    const cut = new FakeBindings(await openFaultyWay(database, { kind: "cut-after-commit", times: 1 }));
    const messages = packMessages(sale("cut", 1500).map((event) => JSON.stringify(event)));
    const first = await write(cut, messages);
    expect(first.retried).toHaveLength(messages.length);
    expect(await countEvents("cut")).toBe(1000);
    expect((await write(cut, messages)).acked).toHaveLength(messages.length);
    expect(await countEvents("cut")).toBe(1501);
    expect(await readProduct("cut")).toMatchObject({ held: 1500 });
    expect(new Set(cut.acknowledged).size).toBe(1501);
  });

  it("T1: more orders than stock: only as many as there is stock for, in one transaction", async () => {
    const events = [stockEvent({ productId: "scarce", allocated: 40 }), ...sale("scarce", 60).slice(1)];
    expect((await write(bindings, [together(events)])).acked).toEqual(["0"]);
    expect(await readProduct("scarce")).toEqual({ allocated: 40, held: 40, paid: 0, version: 1 });
    expect(bindings.sent).toEqual([together(events.slice(41))]);
  });

  it("F5 F7: any messages, divided, duplicated and in any order: one record per event, poison left over", async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(historySteps, choices, async (steps, choose) => {
        const productId = `divided-${run++}`;
        const history = playHistory(productId, 6, steps);
        const poison = { ...orderEvent({ productId, orderId: `${productId}-poison` }), quantity: 0 };
        const way = new FakeBindings(database.connectionString);
        let queue: unknown[] = messagesOf([...history.events, ...history.events, poison], choose);
        for (let turn = 0; queue.some((body) => eventsOf(parseMessage(body)).length > 0); turn++) {
          expect(turn).toBeLessThanOrEqual(2 * history.events.length + 2);
          way.sent.length = 0;
          const { acked } = await write(way, queue);
          queue = shuffle([...queue.filter((_, index) => !acked.includes(String(index))), ...way.sent], choose);
        }
        expect(queue.length).toBeGreaterThan(0);
        for (const body of queue) expect(parseMessage(body)).toMatchObject([{ ok: false, body: poison }]);
        expect(await countEvents(productId)).toBe(history.events.length);
        const { allocated, held, paid } = history.product;
        expect(await readProduct(productId)).toMatchObject({ allocated, held, paid });
        expect(new Set(way.acknowledged)).toEqual(new Set(history.events.map(({ eventId }) => eventId)));
      }),
      { numRuns: 25 },
    );
  }, 60_000);
});

/** The events in any order, in messages of one to five. */
function messagesOf(events: readonly unknown[], choose: () => number): string[] {
  const messages: string[] = [];
  for (let rest = shuffle(events, choose); rest.length > 0; ) {
    const size = 1 + (choose() % 5);
    messages.push(together(rest.slice(0, size)));
    rest = rest.slice(size);
  }
  return messages;
}

describe("storeDeadLetters", () => {
  it("F6: applies the good events of a message that an outage has brought here, and stores the others one by one", async () => {
    const poison = await impossibleEvent("dead-full");
    const garbage = { ...orderEvent({ productId: "dead-full", orderId: "dead-garbage" }), colour: "red" };
    expect((await bury(bindings, [together([...sale("dead", 3), poison, garbage])])).acked).toEqual(["0"]);
    expect(bindings.acknowledged).toHaveLength(4);
    expect(await readProduct("dead")).toMatchObject({ held: 3 });
    expect(await lettersOf("dead-full")).toMatchObject([
      { eventId: poison.eventId, body: poison, attempts: 1 },
      { eventId: garbage.eventId, body: garbage, attempts: 1 },
    ]);
    expect(bindings.parked).toEqual([poison.eventId, garbage.eventId]);
  });

  it("F7: replays one of them alone", async () => {
    const poison = await impossibleEvent("again-full");
    await bury(bindings, [together([...sale("again", 1), poison])]);
    await replayDeadLetter(bindings.env, database, poison.eventId);
    expect(bindings.sent.flatMap(parseMessage)).toMatchObject([{ ok: true, event: poison }]);
    await database.sql`UPDATE products SET stock = 0 WHERE id = 'again-full'`;
    expect((await write(bindings, bindings.sent)).acked).toEqual(["0"]);
    expect(await lettersOf("again-full")).toEqual([]);
  });

  it("F6: waits with a message of which one event waits, and counts none twice", async () => {
    const poison = await impossibleEvent("patient-full");
    const orphan = orderEvent({ productId: "patient-orphan", orderId: "patient-orphan-1" });
    const message = together([poison, orphan]);
    expect(await bury(bindings, [message], 4)).toMatchObject({ acked: [], retried: [{ msgId: "0" }] });
    expect(await lettersOf("patient-full")).toEqual([]);
    expect((await bury(bindings, [message], 5)).acked).toEqual(["0"]);
    expect(await lettersOf("patient-full")).toMatchObject([{ attempts: 1 }]);
    expect(await lettersOf("patient-orphan")).toMatchObject([{ attempts: 1 }]);
  });

  it("F7: keeps a text that is no message as it came", async () => {
    expect((await bury(bindings, ["{broken"])).acked).toEqual(["0"]);
    const letters = await listDeadLetters(database, { limit: 100 });
    expect(letters.find(({ body }) => body === "{broken")).toMatchObject({
      eventId: expect.stringMatching(/^digest\./),
    });
  });
});
