/** An isolate's own memory: bounded, and never the reason to refuse what would fit. */
import { describe, expect, it } from "vitest";
import { LocalBudgets } from "../../../src/limits/local.ts";
import { RefusalMemory } from "../../../src/limits/memory.ts";

const NOW = 1_795_304_393_649;
const ENTRY = { remaining: 0, until: NOW + 1000, retryAt: NOW + 1020 };

describe("RefusalMemory", () => {
  it("recalls a refusal until the earliest moment at which the request may fit, and not at it", () => {
    const memory = new RefusalMemory(10);
    memory.remember("p k", ENTRY, NOW);
    expect(memory.recall("p k", 1, NOW + 999)).toEqual(ENTRY);
    expect(memory.recall("p k", 1, NOW + 1000)).toBeUndefined();
    expect(memory.size).toBe(0);
  });

  it("keeps quantity, not a verdict: what fits is not refused", () => {
    const memory = new RefusalMemory(10);
    memory.remember("p k", { ...ENTRY, remaining: 2 }, NOW);
    expect(memory.recall("p k", 3, NOW)).toBeDefined();
    expect(memory.recall("p k", 2, NOW)).toBeUndefined();
    expect(memory.recall("p k", 3, NOW)).toBeDefined();
  });

  it("asks again after two seconds: something may have come back elsewhere", () => {
    const memory = new RefusalMemory(10);
    memory.remember("p k", { remaining: 0, until: NOW + 60_000, retryAt: NOW + 60_000 }, NOW);
    expect(memory.recall("p k", 1, NOW + 1999)?.retryAt).toBe(NOW + 60_000);
    expect(memory.recall("p k", 1, NOW + 2000)).toBeUndefined();
  });

  it("T20 lets one of those who come then ask, and the others hear what is remembered until it is known", () => {
    const memory = new RefusalMemory(10);
    const refused = { remaining: 0, until: NOW + 60_000, retryAt: NOW + 60_000 };
    memory.remember("p k", refused, NOW);
    const recalled = (at: number): boolean => memory.recallUnlessAsking("p k", 1, at) !== undefined;
    expect([0, 1999].map((ms) => recalled(NOW + ms))).toEqual([true, true]);
    expect([2000, 2000, 2499].map((ms) => recalled(NOW + ms))).toEqual([false, true, true]);
    // He never came to where it is counted.
    expect([2500, 2501].map((ms) => recalled(NOW + ms))).toEqual([false, true]);
    memory.remember("p k", refused, NOW + 2510);
    expect([4509, 4510].map((ms) => recalled(NOW + ms))).toEqual([true, false]);
    memory.noteFit("p k", 1);
    expect(memory.size).toBe(0);
    memory.remember("p k", ENTRY, NOW);
    expect([999, 1000].map((ms) => recalled(NOW + ms))).toEqual([true, false]);
  });

  it("keeps what is left for a larger request when a smaller one fits", () => {
    const memory = new RefusalMemory(10);
    memory.remember("p k", { ...ENTRY, remaining: 2 }, NOW);
    memory.noteFit("p k", 2);
    expect(memory.recall("p k", 3, NOW)).toBeDefined();
    memory.noteFit("p k", 3);
    expect(memory.recall("p k", 3, NOW)).toBeUndefined();
  });

  it("forgets at once what came back here", () => {
    const memory = new RefusalMemory(10);
    memory.remember("p k", ENTRY, NOW);
    memory.forget("p k");
    expect(memory.recall("p k", 1, NOW)).toBeUndefined();
  });

  it("knows nothing of other keys", () => {
    const memory = new RefusalMemory(10);
    memory.remember("p k", ENTRY, NOW);
    expect(memory.recall("p other", 1, NOW)).toBeUndefined();
  });

  it("T15 never has more entries than it may, and forgets the oldest first", () => {
    const memory = new RefusalMemory(100);
    for (let key = 0; key < 10_000; key += 1) {
      memory.remember(`p ${key}`, ENTRY, NOW);
      expect(memory.size).toBeLessThanOrEqual(100);
    }
    expect(memory.recall("p 9899", 1, NOW)).toBeUndefined();
    expect(memory.recall("p 9900", 1, NOW)).toBeDefined();
    expect(memory.recall("p 9999", 1, NOW)).toBeDefined();
  });

  it("T15 remembers nothing where it may have no entries", () => {
    const memory = new RefusalMemory(0);
    memory.remember("p k", ENTRY, NOW);
    expect(memory.size).toBe(0);
  });
});

describe("LocalBudgets", () => {
  it("takes by weight, and of a lower limit while that holds", () => {
    const budgets = new LocalBudgets({ limit: 4, windowMs: 1000 });
    expect(budgets.take("k", 2, 4, NOW)).toEqual({ outcome: "fits" });
    expect(budgets.take("k", 2, 3, NOW)).toEqual({ outcome: "refused", retryMs: 1000 });
    expect(budgets.take("k", 2, 4, NOW)).toEqual({ outcome: "fits" });
  });

  it("gives every key its reduced limit per window, with a true time to retry", () => {
    const budgets = new LocalBudgets({ limit: 2, windowMs: 1000 });
    expect([0, 100, 200].map((ms) => budgets.take("k", 1, 2, NOW + ms))).toEqual([
      { outcome: "fits" },
      { outcome: "fits" },
      { outcome: "refused", retryMs: 800 },
    ]);
    expect(budgets.take("other", 1, 2, NOW + 200)).toEqual({ outcome: "fits" });
    expect(budgets.take("k", 1, 2, NOW + 1000)).toEqual({ outcome: "fits" });
  });

  it("T15 is bounded: a key too many gets no budget until one has ended", () => {
    // 100,000 units in all.
    const budgets = new LocalBudgets({ limit: 1000, windowMs: 1000 });
    for (let key = 0; key < 100; key += 1) expect(budgets.take(`k${key}`, 1, 1000, NOW + key).outcome).toBe("fits");
    expect(budgets.take("one too many", 1, 1000, NOW + 500)).toEqual({ outcome: "full" });
    expect(budgets.take("k0", 1, 1000, NOW + 500)).toEqual({ outcome: "fits" });
    expect(budgets.size).toBe(100);
    // k1 is now the oldest.
    expect(budgets.take("later", 1, 1000, NOW + 1000)).toEqual({ outcome: "full" });
    expect(budgets.take("later", 1, 1000, NOW + 1001)).toEqual({ outcome: "fits" });
    expect(budgets.size).toBe(100);
  });
});
