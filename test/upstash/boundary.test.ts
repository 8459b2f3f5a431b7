/**
 * Who knows where a window begins: the most units that an attacker gets into any window of a policy's length, as a multiple
 * of its limit. The figures stand in the documentation.
 */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { exactStore } from "../../src/limits/exact.ts";
import { isolateStore } from "../../src/limits/isolate.ts";
import type { Policy, PolicyStore } from "../../src/limits/policy.ts";
import type { Store } from "../../src/limits/store.ts";
import { upstashStore } from "../../src/limits/upstash.ts";
import { bridgeUrl, checkOf, PATIENT_MS, policyOf, secretsOf, START } from "./bridge.ts";

const WINDOW_MS = 60_000;
const now = () => Date.now();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

/** Takes all that it gets at a moment; ms after `START`. */
async function takeAll(store: Store, policy: Policy, afterMs: number): Promise<readonly number[]> {
  vi.setSystemTime(START + afterMs);
  const taken: number[] = [];
  for (;;) {
    const [answer] = await store.take([checkOf(policy)]);
    if (answer?.outcome !== "fits") return taken;
    taken.push(afterMs);
  }
}

function mostInAWindow(taken: readonly number[]): number {
  return Math.max(0, ...taken.map((from) => taken.filter((at) => at >= from && at < from + WINDOW_MS).length));
}

/**
 * One unit at the beginning, for the counts whose windows begin with the first; later everything at the last moment of a
 * window, and then whatever comes back, until the window after it is over.
 */
async function factorOf(store: Store, policy: Policy): Promise<number> {
  vi.setSystemTime(START);
  await store.take([checkOf(policy)]);
  const boundary = 2 * WINDOW_MS;
  const taken: number[] = [...(await takeAll(store, policy, boundary - 1))];
  for (let afterMs = 0; afterMs < WINDOW_MS; afterMs += 500) {
    taken.push(...(await takeAll(store, policy, boundary + afterMs)));
  }
  taken.push(...(await takeAll(store, policy, boundary + WINDOW_MS - 2)));
  return mostInAWindow(taken) / policy.limit;
}

const exact = () => exactStore(env.LIMITER, { shards: 4, budgetMs: PATIENT_MS });
const upstash = () => upstashStore(secretsOf(), now);

it.each<[string, PolicyStore, () => Store, number, Partial<Policy>?]>([
  ["the isolate", { kind: "isolate" }, () => isolateStore(now), 1.9],
  ["the exact sliding log", { kind: "exact", algorithm: "sliding-log" }, exact, 1],
  ["the exact GCRA", { kind: "exact", algorithm: "gcra" }, exact, 1],
  ["Upstash's fixed window", { kind: "upstash", algorithm: "fixed-window", timeoutMs: PATIENT_MS }, upstash, 2],
  ["Upstash's sliding window", { kind: "upstash", algorithm: "sliding-window", timeoutMs: PATIENT_MS }, upstash, 2],
  [
    "Upstash's token bucket, as set up here,",
    { kind: "upstash", algorithm: "token-bucket", timeoutMs: PATIENT_MS },
    upstash,
    1,
  ],
  [
    "Upstash's token bucket with a large burst",
    { kind: "upstash", algorithm: "token-bucket", timeoutMs: PATIENT_MS },
    upstash,
    1,
    { burst: 8 },
  ],
  ["the exact GCRA with a small burst", { kind: "exact", algorithm: "gcra" }, exact, 1, { burst: 2 }],
])("%s gives a boundary attacker a fixed multiple of the limit", async (_, kind, make, factor, changes = {}) => {
  if (kind.kind === "upstash" && bridgeUrl === null) return;
  expect(await factorOf(make(), policyOf(kind, changes))).toBe(factor);
});
