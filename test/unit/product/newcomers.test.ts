/** Nobody who has an order is ever new, whatever was learned so far; and whoever has none is, nearly always. */
import { array, assert, constantFrom, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import { type KeyedOrder, LEARNED_AT_ONCE, Newcomers } from "../../../durable-objects/product/newcomers.ts";
import { SeenFilter } from "../../../durable-objects/product/seen-filter.ts";

function makeOrder(number: number, client: string | null = `client-${number}`): KeyedOrder {
  return { orderId: String(number).padStart(12, "0"), jti: `token-${number}`, buyerId: `buyer-${number}`, client };
}

/** Orders as they are stored, and who reads them. */
function makeStore(stored: KeyedOrder[]) {
  const reads: number[] = [];
  const newcomers = new Newcomers({
    count: () => stored.length,
    readBehind: (orderId, limit) => {
      const behind = stored
        .filter((order) => order.orderId > orderId)
        .toSorted((a, b) => (a.orderId < b.orderId ? -1 : 1));
      reads.push(Math.min(limit, behind.length));
      return behind.slice(0, limit);
    },
  });
  return { newcomers, reads };
}

function makeOrders(count: number, first = 0): KeyedOrder[] {
  return Array.from({ length: count }, (_, index) => makeOrder(first + index));
}

function shareTakenForKnown(newcomers: Newcomers, strangers: readonly KeyedOrder[]): number {
  return strangers.filter((order) => !newcomers.isNew(order)).length / strangers.length;
}

describe("a filter of texts", () => {
  it("T1 finds every text that was added", () => {
    assert(
      property(array(string()), constantFrom(4, 64, 4096), (texts, bytes) => {
        const filter = new SeenFilter(bytes);
        for (const text of texts) filter.add(text);
        expect(texts.filter((text) => !filter.mayHave(text))).toEqual([]);
      }),
    );
  });

  it("takes few others for one of them, as many as theory has it", () => {
    const filter = new SeenFilter(16_384);
    for (const { jti, buyerId, client } of makeOrders(4096))
      for (const text of [jti, buyerId, client ?? ""]) filter.add(text);
    const strangers = makeOrders(20_000, 10_000);
    const found = strangers.filter(({ buyerId }) => filter.mayHave(buyerId)).length;
    // (1 - e^(-4 * 12,288 / 131,072))^4 = 0.0095.
    expect(found / strangers.length).toBeGreaterThan(0.005);
    expect(found / strangers.length).toBeLessThan(0.015);
  });
});

describe("newcomers", () => {
  it("are nobody before anything was learned", () => {
    const { newcomers } = makeStore([]);
    expect(newcomers.isNew(makeOrder(1))).toBe(false);
    newcomers.learn();
    expect(newcomers.isNew(makeOrder(1))).toBe(true);
    expect(newcomers.isNew(makeOrder(1, null))).toBe(true);
  });

  it.each(["jti", "buyerId", "client"] as const)("are not those whose %s has an order", (key) => {
    const { newcomers } = makeStore([]);
    newcomers.learn();
    newcomers.add(makeOrder(1));
    expect(newcomers.isNew({ ...makeOrder(2), [key]: makeOrder(1)[key] })).toBe(false);
    expect(newcomers.isNew(makeOrder(2))).toBe(true);
  });

  it("are learned from the rows, some at a time", () => {
    const stored = makeOrders(2 * LEARNED_AT_ONCE + 1);
    const { newcomers, reads } = makeStore(stored);
    for (let step = 1; step <= 3; step++) {
      expect(newcomers.isNew(makeOrder(1_000_000))).toBe(false);
      newcomers.learn();
    }
    expect(reads).toEqual([LEARNED_AT_ONCE, LEARNED_AT_ONCE, 1]);
    expect(newcomers.isNew(makeOrder(1_000_000))).toBe(true);
    expect(shareTakenForKnown(newcomers, stored)).toBe(1);
    newcomers.learn();
    expect(reads).toHaveLength(3);
  });

  it("T1 are never those who came while the rows were read, nor behind where they were read to", () => {
    const stored = makeOrders(LEARNED_AT_ONCE + 1, 10);
    const { newcomers } = makeStore(stored);
    newcomers.learn();
    // The clock was set back: by its id it comes before what was read already.
    for (const late of [makeOrder(1), makeOrder(1_000_000)]) {
      newcomers.add(late);
      stored.push(late);
    }
    newcomers.learn();
    expect(newcomers.isNew(makeOrder(2))).toBe(true);
    expect(shareTakenForKnown(newcomers, stored)).toBe(1);
  });

  it("are told apart as well after the object has grown, and meanwhile nobody is missed", () => {
    const stored: KeyedOrder[] = [];
    const { newcomers, reads } = makeStore(stored);
    newcomers.learn();
    const missed: KeyedOrder[] = [];
    for (const order of makeOrders(9000)) {
      stored.push(order);
      newcomers.add(order);
      if (stored.length % 250 !== 0) continue;
      newcomers.learn();
      missed.push(...stored.filter((known) => newcomers.isNew(known)));
    }
    expect(missed).toEqual([]);
    expect(shareTakenForKnown(newcomers, makeOrders(2000, 50_000))).toBeLessThan(0.01);
    // None at the beginning; and each order once more, when the first filter was full at 4,096.
    const again = reads.reduce((sum, read) => sum + read);
    expect(again).toBeGreaterThan(4096);
    expect(again).toBeLessThan(2 * 4096);
  });

  it("are told apart for as long as the object lives, while others' orders leave it", () => {
    const stored: KeyedOrder[] = [];
    const { newcomers, reads } = makeStore(stored);
    newcomers.learn();
    for (const order of makeOrders(20_000)) {
      stored.push(order);
      if (stored.length > 1000) stored.shift();
      newcomers.add(order);
      if (reads.length < 100) newcomers.learn();
    }
    expect(stored.filter((order) => newcomers.isNew(order))).toEqual([]);
    // One in 35 at the most: it never has more than its 4,096.
    expect(shareTakenForKnown(newcomers, makeOrders(5000, 50_000))).toBeLessThan(0.04);
  });

  it("are found by a filter of the right size at once where there are many orders", () => {
    const stored = makeOrders(20_000);
    const { newcomers, reads } = makeStore(stored);
    for (let step = 0; step < 2 * Math.ceil(stored.length / LEARNED_AT_ONCE); step++) newcomers.learn();
    expect(reads.reduce((sum, read) => sum + read)).toBe(stored.length);
    expect(shareTakenForKnown(newcomers, makeOrders(2000, 50_000))).toBeLessThan(0.01);
  });
});
