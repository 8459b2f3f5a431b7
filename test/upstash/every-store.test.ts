/** What every store does, whatever it counts with: one suite over all of them, the ones in Redis included. */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { exactStore } from "../../src/limits/exact.ts";
import { isolateStore } from "../../src/limits/isolate.ts";
import { nativeStore } from "../../src/limits/native.ts";
import type { Policy, PolicyStore } from "../../src/limits/policy.ts";
import type { Store } from "../../src/limits/store.ts";
import { upstashStore } from "../../src/limits/upstash.ts";
import { bridgeUrl, checkOf, PATIENT_MS, policyOf, secretsOf, START, UPSTASH_ALGORITHMS } from "./bridge.ts";

const now = () => Date.now();

interface Subject {
  readonly store: PolicyStore;
  readonly make: () => Store;
  /** Whether it knows a remainder, gives back, and takes a weight. */
  readonly knows: { readonly remaining: boolean; readonly givesBack: boolean; readonly weighs: boolean };
}

const ALL = { remaining: true, givesBack: true, weighs: true };
const exact = () => exactStore(env.LIMITER, { shards: 4, budgetMs: PATIENT_MS });
const upstash = () => upstashStore(secretsOf(), now);

const SUBJECTS: readonly (readonly [string, Subject])[] = [
  ["isolate", { store: { kind: "isolate" }, make: () => isolateStore(now), knows: { ...ALL, remaining: false } }],
  [
    "native",
    {
      store: { kind: "native", binding: "SIEVE" },
      make: () => nativeStore({ SIEVE: countingBinding(10) }, PATIENT_MS),
      knows: { remaining: false, givesBack: false, weighs: false },
    },
  ],
  ["exact, sliding log", { store: { kind: "exact", algorithm: "sliding-log" }, make: exact, knows: ALL }],
  ["exact, GCRA", { store: { kind: "exact", algorithm: "gcra" }, make: exact, knows: ALL }],
  ...UPSTASH_ALGORITHMS.map((algorithm): readonly [string, Subject] => [
    `upstash, ${algorithm}`,
    {
      store: { kind: "upstash", algorithm, timeoutMs: PATIENT_MS },
      make: upstash,
      knows: { ...ALL, weighs: algorithm !== "sliding-window" },
    },
  ]),
];

/** As Cloudflare's: a window by the clock. */
function countingBinding(limit: number) {
  const counts = new Map<string, number>();
  return {
    limit: async ({ key }: { key: string }) => {
      const id = `${key} ${Math.floor(Date.now() / 60_000)}`;
      counts.set(id, (counts.get(id) ?? 0) + 1);
      return { success: (counts.get(id) ?? 0) <= limit };
    },
  };
}

async function countTaken(store: Store, policy: Policy, attempts: number, key?: string, cost = 1): Promise<number> {
  const answers = await Promise.all(
    Array.from({ length: attempts }, async () => store.take([checkOf(policy, key, cost)])),
  );
  return answers.flat().filter(({ outcome }) => outcome === "fits").length;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

// What is in Redis needs one.
const AVAILABLE = SUBJECTS.filter(([, { store }]) => store.kind !== "upstash" || bridgeUrl !== null);

describe.each(AVAILABLE)("the store %s", (_, { store: kind, make, knows }) => {
  const policy = () => policyOf(kind);

  it("lets through at once what may come at once, from 30 requests together", async () => {
    const store = make();
    const one = policy();
    expect(await countTaken(store, one, 30)).toBe(one.burst);
    expect(await countTaken(store, one, 5)).toBe(0);
  });

  it("T16 counts policies and keys apart", async () => {
    const store = make();
    const one = policy();
    await countTaken(store, one, 30);
    expect(await countTaken(store, one, 30, "i1:b")).toBe(one.burst);
    expect(await countTaken(store, policy(), 30)).toBe(one.burst);
  });

  it("answers several checks in their order", async () => {
    const store = make();
    const full = policy();
    await countTaken(store, full, 30);
    const free = policy();
    const answers = await store.take([checkOf(free), checkOf(full), checkOf(free, "i1:b")]);
    expect(answers.map(({ outcome }) => outcome)).toEqual(["fits", "refused", "fits"]);
  });

  it("tells how long to wait: then the request fits", async () => {
    const store = make();
    const one = policy();
    await countTaken(store, one, 30);
    const [answer] = await store.take([checkOf(one)]);
    if (answer?.outcome !== "refused") throw new Error("Expected a refusal");
    expect(answer.retryMs).toBeGreaterThan(0);
    expect(answer.retryMs).toBeLessThanOrEqual(60_001);
    vi.setSystemTime(START + answer.retryMs);
    expect(await countTaken(store, one, 1)).toBe(1);
  });

  it("tells a time that is exact only where nothing fits before it", async () => {
    const store = make();
    const one = policy();
    await countTaken(store, one, 30);
    const [answer] = await store.take([checkOf(one)]);
    if (answer?.outcome !== "refused") throw new Error("Expected a refusal");
    vi.setSystemTime(START + answer.retryMs - 1);
    expect(answer.exact ? await countTaken(store, one, 1) : 0).toBe(0);
  });

  it("tells what is left, or that it does not know", async () => {
    const store = make();
    const one = policy();
    await store.take([checkOf(one)]);
    const [answer] = await store.take([checkOf(one)]);
    if (answer?.outcome !== "fits") throw new Error("Expected a pass");
    expect(answer.remaining).toBe(knows.remaining ? one.burst - 2 : null);
    expect(answer.used ?? 2 / one.burst).toBeCloseTo(2 / one.burst);
  });

  it("gives back what a request took, and counts on without it", async () => {
    const store = make();
    const one = policy();
    const [answer] = await store.take([checkOf(one)]);
    if (answer?.outcome !== "fits") throw new Error("Expected a pass");
    expect(answer.receipt !== null).toBe(knows.givesBack);
    if (answer.receipt !== null) await store.giveBack([{ check: checkOf(one), receipt: answer.receipt }]);
    expect(await countTaken(store, one, 30)).toBe(knows.givesBack ? one.burst : one.burst - 1);
  });

  it("gives back nothing of a window that is over", async () => {
    const store = make();
    const one = policy();
    const [answer] = await store.take([checkOf(one)]);
    if (answer?.outcome !== "fits") throw new Error("Expected a pass");
    vi.setSystemTime(START + 120_000);
    if (answer.receipt !== null) await store.giveBack([{ check: checkOf(one), receipt: answer.receipt }]);
    expect(await countTaken(store, one, 30)).toBe(one.burst);
  });

  it.runIf(knows.weighs)("takes by weight, all or nothing", async () => {
    const store = make();
    const one = policy();
    expect(await countTaken(store, one, 30, undefined, 3)).toBe(Math.floor(one.burst / 3));
    // What was refused has taken nothing: what is left is still there.
    expect(await countTaken(store, one, 30)).toBe(one.burst % 3);
  });
});
