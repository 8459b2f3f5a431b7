/** What a limiter object has at hand: the truth while it lives, bounded, and nothing lost that is let go. */
import { describe, expect, it } from "vitest";
import { CountsInMemory } from "../../../durable-objects/limiter/counts-in-memory.ts";
import type { Count } from "../../../durable-objects/limiter/count.ts";
import type { CountKey } from "../../../durable-objects/limiter/count-table.ts";

function keyOf(key: string): CountKey {
  return { policy: "p", algorithm: "sliding-log", key };
}

/** Counts over a table that is a Map. */
function countsOver(table: Map<string, Count>, maxKeys: number, maxTimes = 1000, isLarge = true) {
  const calls = { reads: 0, writes: 0 };
  const counts: CountsInMemory = new CountsInMemory({
    stored: isLarge ? null : Array.from(table, ([key, count]) => [keyOf(key), count] as const),
    read: ({ key }) => {
      calls.reads += 1;
      return table.get(key) ?? [];
    },
    write: () => {
      calls.writes += 1;
      for (const { key, count } of counts.changes) table.set(key.key, count);
      counts.written();
    },
    maxKeys,
    maxTimes,
  });
  return { counts, calls };
}

describe("CountsInMemory", () => {
  it("reads a key once, and then knows it", () => {
    const { counts, calls } = countsOver(new Map([["a", [1]]]), 10);
    expect(counts.get(keyOf("a"))).toEqual([1]);
    counts.set(keyOf("a"), [1, 2], 100);
    expect(counts.get(keyOf("a"))).toEqual([1, 2]);
    expect(calls).toEqual({ reads: 1, writes: 0 });
    expect(Array.from(counts.changes, ({ count, endsAt }) => [count, endsAt])).toEqual([[[1, 2], 100]]);
  });

  it("reads nothing while it knows all that is stored, and again once it has let something go", () => {
    const { counts, calls } = countsOver(new Map([["a", [1]]]), 3, 1000, false);
    expect(counts.get(keyOf("a"))).toEqual([1]);
    expect(counts.get(keyOf("b"))).toEqual([]);
    counts.set(keyOf("c"), [3], 100);
    expect(calls.reads).toBe(0);
    counts.get(keyOf("d"));
    expect(counts.get(keyOf("a"))).toEqual([1]);
    expect(calls.reads).toBeGreaterThan(0);
  });

  it("keeps policies and algorithms apart", () => {
    const { counts } = countsOver(new Map(), 10);
    counts.set(keyOf("a"), [1], 100);
    counts.set({ ...keyOf("a"), algorithm: "gcra" }, [2], 100);
    counts.set({ ...keyOf("a"), policy: "q" }, [3], 100);
    expect(counts.get(keyOf("a"))).toEqual([1]);
    expect(counts.size).toBe(3);
  });

  it("T15 never has more keys than it may, and writes what it lets go", () => {
    const table = new Map<string, Count>();
    const { counts } = countsOver(table, 100);
    for (let key = 0; key < 5000; key += 1) {
      counts.set(keyOf(`k${key}`), [key], 100);
      expect(counts.size).toBeLessThanOrEqual(100);
    }
    for (let key = 0; key < 5000; key += 1) expect(counts.get(keyOf(`k${key}`))).toEqual([key]);
  });

  it("T15 never has more times than it may and one count", () => {
    const table = new Map<string, Count>();
    const { counts } = countsOver(table, 1000, 100);
    const long = Array.from({ length: 40 }, (_, index) => index);
    for (let key = 0; key < 50; key += 1) counts.set(keyOf(`k${key}`), long, 100);
    expect(counts.size).toBeLessThanOrEqual(4);
    expect(counts.get(keyOf("k0"))).toEqual(long);
  });

  it("lets go first of what was used longest ago", () => {
    const { counts, calls } = countsOver(new Map(), 2);
    counts.get(keyOf("a"));
    counts.get(keyOf("b"));
    counts.get(keyOf("a"));
    counts.get(keyOf("c"));
    expect(calls.reads).toBe(3);
    counts.get(keyOf("a"));
    expect(calls.reads).toBe(3);
    counts.get(keyOf("b"));
    expect(calls.reads).toBe(4);
  });
});
