/** The SDK's traps, closed: what goes to Redis, what is believed of it, and how long it may take. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { UpstashAlgorithm } from "../../src/limits/policy.ts";
import { upstashStore } from "../../src/limits/upstash.ts";
import {
  bridgeUrl,
  callsOf,
  checkOf,
  PATIENT_MS,
  policyOf,
  secretsOf,
  START,
  unique,
  UPSTASH_ALGORITHMS,
} from "./bridge.ts";

const BUDGET_MS = 60;
/** How late a time-out may be seen on a busy machine: far less than for ever. */
const SLACK_MS = 1500;
const now = () => Date.now();

function storeKind(algorithm: UpstashAlgorithm, timeoutMs = PATIENT_MS) {
  return { kind: "upstash", algorithm, timeoutMs } as const;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe.skipIf(bridgeUrl === null)("upstashStore()", () => {
  it.each(UPSTASH_ALGORITHMS)("sends a script once, then its hash, and nothing else, with %s", async (algorithm) => {
    const run = unique("run");
    // Whatever the tests before have left in Redis.
    const forget = upstashStore(secretsOf("forgetful", unique("run")), now);
    await forget.take([checkOf(policyOf(storeKind("fixed-window")))]);
    const store = upstashStore(secretsOf("ok", run), now);
    const policy = policyOf(storeKind(algorithm));
    for (let request = 0; request < 3; request += 1) await store.take([checkOf(policy)]);
    const calls = await callsOf(run);
    expect(calls.filter((name) => name === "EVALSHA")).toHaveLength(3);
    expect(calls.every((name) => name === "EVALSHA" || name === "EVAL")).toBe(true);
    expect(calls.at(-1)).toBe("EVALSHA");
  });

  it("asks for every request: nobody is blocked from a cache", async () => {
    const run = unique("run");
    const store = upstashStore(secretsOf("ok", run), now);
    const policy = policyOf(storeKind("token-bucket"));
    for (let request = 0; request < 10; request += 1) await store.take([checkOf(policy)]);
    expect((await callsOf(run)).filter((name) => name === "EVALSHA")).toHaveLength(10);
  });

  it("calls nobody but the database", async () => {
    const called = vi.spyOn(globalThis, "fetch");
    const secrets = secretsOf();
    await upstashStore(secrets, now).take([checkOf(policyOf(storeKind("sliding-window")))]);
    expect(called.mock.calls.length).toBeGreaterThan(0);
    for (const [target, init] of called.mock.calls) {
      expect(target).toBe(secrets.url);
      expect(Object.keys((init as RequestInit).headers ?? {}).join(" ")).not.toMatch(/telemetry/i);
    }
  });

  it.each(["cut", "status-500", "refused"])(
    "F9 tries once, and not again, when the store answers with %s",
    async (fault) => {
      const called = vi.spyOn(globalThis, "fetch");
      const store = upstashStore(secretsOf(fault), now);
      expect(await store.take([checkOf(policyOf(storeKind("fixed-window")))])).toMatchObject([{ outcome: "failed" }]);
      expect(called).toHaveBeenCalledTimes(1);
    },
  );

  it.each(["silent", "late"])("F9 does not outlast its time budget when the store is %s", async (fault) => {
    const store = upstashStore(secretsOf(fault), now);
    const startedAt = performance.now();
    const answers = await store.take([checkOf(policyOf(storeKind("token-bucket", BUDGET_MS)))]);
    expect(performance.now() - startedAt).toBeLessThan(BUDGET_MS + SLACK_MS);
    expect(answers).toMatchObject([{ outcome: "failed" }]);
  });

  it("F9 does not outlast its time budget when it gives back", async () => {
    const store = upstashStore(secretsOf("silent"), now);
    const startedAt = performance.now();
    const check = checkOf(policyOf(storeKind("token-bucket", BUDGET_MS)));
    await store.giveBack([{ check, receipt: START + 1000 }]);
    expect(performance.now() - startedAt).toBeLessThan(BUDGET_MS + SLACK_MS);
  });

  it("F9 takes the SDK's own time-out for a failure, should it ever come", async () => {
    const { Ratelimit } = await import("@upstash/ratelimit");
    const policy = policyOf(storeKind("token-bucket"));
    const timeout = {
      success: true,
      limit: 0,
      remaining: 0,
      reset: 0,
      pending: Promise.resolve(),
      reason: "timeout",
    } as const;
    const script = Ratelimit.tokenBucket(5, "60 s", 5)();
    vi.spyOn(Ratelimit, "tokenBucket").mockReturnValue(() => ({ ...script, limit: async () => timeout }));
    expect(await upstashStore(secretsOf(), now).take([checkOf(policy)])).toEqual([
      { outcome: "failed", reason: "timeout" },
    ]);
  });

  it("goes on when Redis has forgotten its scripts", async () => {
    const store = upstashStore(secretsOf("forgetful"), now);
    const policy = policyOf(storeKind("token-bucket"));
    const outcomes: unknown[] = [];
    for (let request = 0; request < 7; request += 1) outcomes.push((await store.take([checkOf(policy)]))[0]?.outcome);
    expect(outcomes).toEqual([...Array<string>(5).fill("fits"), "refused", "refused"]);
  });

  it("F9 fails with a wrong token, and tells nobody what it is", async () => {
    const log = vi.spyOn(console, "error");
    const store = upstashStore({ ...secretsOf(), token: "wrong" }, now);
    expect(await store.take([checkOf(policyOf(storeKind("fixed-window")))])).toEqual([
      { outcome: "failed", reason: "UpstashError" },
    ]);
    expect(log).not.toHaveBeenCalled();
  });

  it("F9 fails without secrets, without a call", async () => {
    const called = vi.spyOn(globalThis, "fetch");
    expect(await upstashStore(null, now).take([checkOf(policyOf(storeKind("fixed-window")))])).toEqual([
      { outcome: "failed", reason: "TypeError" },
    ]);
    expect(called).not.toHaveBeenCalled();
  });

  it("counts a limit that was changed on from where it was", async () => {
    const store = upstashStore(secretsOf(), now);
    const policy = policyOf(storeKind("fixed-window"));
    for (let request = 0; request < 10; request += 1) await store.take([checkOf(policy)]);
    expect(await store.take([checkOf(policy)])).toMatchObject([{ outcome: "refused" }]);
    const raised = { ...policy, limit: 12, burst: 12 };
    expect(await store.take([checkOf(raised)])).toMatchObject([{ outcome: "fits", remaining: 1 }]);
  });
});
