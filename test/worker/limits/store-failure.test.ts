/** What becomes of a request when a limiter's store fails: the policy's own rule, within its time budget (F9). */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Policy } from "../../../src/limits/policy.ts";
import { codeOf, fakeLimiter, fieldsOf, fits, gatewayOf, lines, PER_CLIENT, SIEVE, START } from "./limited-gateway.ts";

const BUDGET_MS = 50;
/** How late a time-out may be seen on a busy machine: far less than for ever, which is what a slow store takes. */
const SLACK_MS = 1500;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function failing(kind: "exact" | "native", take: () => Promise<unknown>, onFailure: Policy["onFailure"]) {
  const bindings = { LIMITER: fakeLimiter(take).LIMITER, SIEVE: { limit: take } };
  return gatewayOf([{ ...(kind === "exact" ? PER_CLIENT : SIEVE), limit: 3, burst: 3, onFailure }], {
    limits: { storeTimeoutMs: BUDGET_MS },
    bindings,
  });
}

describe("limitBy() when a store fails", () => {
  const FAULTS: readonly [string, () => Promise<unknown>][] = [
    ["is slow", () => new Promise(() => {})],
    ["throws", () => Promise.reject(new Error("unreachable"))],
    ["answers garbage", async () => ({ ok: "maybe" })],
  ];
  const STORES = ["exact", "native"] as const;
  const CASES = STORES.flatMap((kind) => FAULTS.map(([fault, take]) => [kind, fault, take] as const));

  beforeEach(() => {
    vi.spyOn(console, "warn").mockReturnValue();
  });

  it.each(CASES)("F9 closed: refuses, uncounted, when the %s store %s", async (kind, _, take) => {
    const { token, state } = failing(kind, take, { rule: "closed" });
    const startedAt = performance.now();
    const response = await token("a");
    expect(performance.now() - startedAt).toBeLessThan(BUDGET_MS + SLACK_MS);
    expect(fieldsOf(response)).toMatchObject({ status: 503, retryAfter: "2", rateLimit: null });
    expect(await codeOf(response)).toBe("limiter-unavailable");
    expect(state.passed).toBe(0);
  });

  it.each(CASES)("F9 open: lets pass when the %s store %s", async (kind, _, take) => {
    const { token, state } = failing(kind, take, { rule: "open" });
    const startedAt = performance.now();
    expect(fieldsOf(await token("a"))).toMatchObject({ status: 201, rateLimit: null });
    expect(performance.now() - startedAt).toBeLessThan(BUDGET_MS + SLACK_MS);
    expect(state.passed).toBe(1);
  });

  it.each(CASES)("F9 local: gives a reduced budget when the %s store %s", async (kind, _, take) => {
    const { token } = failing(kind, take, { rule: "local", limit: 2 });
    const statuses = [await token("a"), await token("a")].map(({ status }) => status);
    expect(statuses).toEqual([201, 201]);
    const window = kind === "exact" ? "60" : "10";
    const refused = await token("a");
    expect(fieldsOf(refused)).toMatchObject({ status: 429, retryAfter: window });
    expect((await token("b")).status).toBe(201);
  });

  it("F9 says in the operator's log which store failed, and how", async () => {
    const warn = vi.spyOn(console, "warn").mockReturnValue();
    await failing("exact", () => Promise.reject(new TypeError("secret")), { rule: "open" }).token("a");
    expect(lines(warn)).toEqual([
      { level: "warn", event: "limit-store-failed", policy: "per-client", reason: "TypeError", requestId: "request-1" },
    ]);
  });

  it("F9 lets a shadow's failure pass, whatever its rule", async () => {
    const { LIMITER } = fakeLimiter(() => Promise.reject(new Error("unreachable")));
    const { token } = gatewayOf([{ ...PER_CLIENT, mode: "shadow" }], { bindings: { LIMITER } });
    expect((await token("a")).status).toBe(201);
  });

  it("F9 remembers nothing of a failure", async () => {
    let down = true;
    const { LIMITER } = fakeLimiter(async (checks) => {
      if (down) throw new Error("unreachable");
      return fits(checks);
    });
    const { token } = gatewayOf([PER_CLIENT], { bindings: { LIMITER } });
    expect((await token("a")).status).toBe(503);
    down = false;
    expect((await token("a")).status).toBe(201);
  });
});
