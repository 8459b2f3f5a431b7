/** Every store, with every fault, under every rule: the exact outcome, within the time budget (F9). */
import { env } from "cloudflare:workers";
import { Hono } from "hono";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Config } from "../../src/config.ts";
import type { BuyerEnv } from "../../src/context.ts";
import { limitBy } from "../../src/limits/limits.ts";
import type { LimitsConfig, Policy, PolicyStore } from "../../src/limits/policy.ts";
import { bridgeUrl, policyOf, secretsOf } from "./bridge.ts";
import { way } from "../../src/way.ts";

const BUDGET_MS = 60;
/** How late a time-out may be seen on a busy machine: far less than for ever, which is what a silent store takes. */
const SLACK_MS = 1500;

const RULES = {
  closed: { rule: "closed" },
  open: { rule: "open" },
  local: { rule: "local", limit: 2 },
} as const satisfies Record<string, Policy["onFailure"]>;

/** What three requests of one client get. */
const OUTCOMES: Readonly<Record<keyof typeof RULES, readonly number[]>> = {
  closed: [503, 503, 503],
  open: [201, 201, 201],
  local: [201, 201, 429],
};

/** A call to a binding or an object that fails so. */
const CALL_FAULTS: Readonly<Record<string, () => Promise<unknown>>> = {
  silent: () => new Promise(() => {}),
  throwing: () => Promise.reject(new Error("unreachable")),
  garbage: async () => ({ ok: "maybe" }),
  nothing: async () => null,
};
const UPSTASH_FAULTS = [
  "silent",
  "late",
  "cut",
  "refused",
  "status-500",
  "html",
  "garbage",
  "empty",
  "nothing",
  "error",
];

interface Case {
  readonly store: PolicyStore;
  readonly fault: string;
  readonly rule: keyof typeof RULES;
}

const RULE_NAMES = ["closed", "open", "local"] as const;
const STORES: readonly (readonly [PolicyStore, readonly string[]])[] = [
  [{ kind: "native", binding: "SIEVE" }, Object.keys(CALL_FAULTS)],
  [{ kind: "exact", algorithm: "sliding-log" }, Object.keys(CALL_FAULTS)],
  [{ kind: "exact", algorithm: "gcra" }, Object.keys(CALL_FAULTS)],
  [{ kind: "upstash", algorithm: "fixed-window", timeoutMs: BUDGET_MS }, UPSTASH_FAULTS],
  [{ kind: "upstash", algorithm: "sliding-window", timeoutMs: BUDGET_MS }, UPSTASH_FAULTS],
  [{ kind: "upstash", algorithm: "token-bucket", timeoutMs: BUDGET_MS }, UPSTASH_FAULTS],
];
const CASES: readonly Case[] = STORES.flatMap(([store, faults]) =>
  faults.flatMap((fault) => RULE_NAMES.map((rule) => ({ store, fault, rule }))),
);

function gatewayOf({ store, fault, rule }: Case) {
  const policy = policyOf(store, { onFailure: RULES[rule], windowSeconds: store.kind === "native" ? 10 : 60 });
  const limits: LimitsConfig = {
    verbosity: "full",
    shards: 1,
    storeTimeoutMs: BUDGET_MS,
    memoryEntries: 100,
    ipv6Prefix: 64,
    upstash: store.kind === "upstash" ? secretsOf(fault) : null,
    policies: [policy],
  };
  const app = new Hono<BuyerEnv>();
  app.use(async (c, next) => {
    c.set("requestId", "request-1");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the stage reads nothing else of it
    c.set("config", { limits } as Partial<Config> as Config);
    c.set("client", { key: "a", address: null });
    await next();
  });
  app.post(
    "/:id/tokens",
    way(limitBy({ at: "token", part: "all" }), (c) => c.text("through", 201)),
  );
  const call = CALL_FAULTS[fault] ?? (() => Promise.reject(new Error("not called")));
  const bindings: Readonly<Record<string, unknown>> = {
    SIEVE: { limit: call },
    LIMITER: { getByName: () => ({ take: call, giveBack: call }) },
  };
  return async () => app.request("/demo/tokens", { method: "POST" }, { ...env, ...bindings });
}

beforeEach(() => {
  vi.spyOn(console, "warn").mockReturnValue();
});

afterEach(() => {
  vi.restoreAllMocks();
});

function titleOf({ store, fault, rule }: Case): string {
  const name = "algorithm" in store ? `${store.kind} (${store.algorithm})` : store.kind;
  return `F9 ${name}, ${fault}: ${rule}`;
}

describe("the matrix of stores, faults and rules", () => {
  it.each(CASES.map((one) => [titleOf(one), one] as const))("%s", async (_, one) => {
    if (one.store.kind === "upstash" && bridgeUrl === null) return;
    const request = gatewayOf(one);
    const statuses: number[] = [];
    const codes: unknown[] = [];
    const told: unknown[] = [];
    for (const expected of OUTCOMES[one.rule]) {
      const startedAt = performance.now();
      const response = await request();
      expect(performance.now() - startedAt).toBeLessThan(BUDGET_MS + SLACK_MS);
      statuses.push(response.status);
      if (expected >= 400) codes.push((await response.json<{ code: unknown }>()).code);
      if (expected === 201) told.push(response.headers.get("RateLimit"));
    }
    expect(statuses).toEqual(OUTCOMES[one.rule]);
    // Nothing is told that no store has said.
    expect(told.every((field) => field === null)).toBe(true);
    expect(new Set(codes)).toEqual(
      new Set({ closed: ["limiter-unavailable"], open: [], local: ["rate-limited"] }[one.rule]),
    );
  });
});
