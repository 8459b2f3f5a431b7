/** A small app with nothing but the limits' stage, policies for it, and stores that do as told. */
import { env } from "cloudflare:workers";
import { Hono } from "hono";
import type { Taken, TakeCheck } from "../../../durable-objects/limiter/protocol.ts";
import type { Config } from "../../../src/config.ts";
import type { BuyerEnv } from "../../../src/context.ts";
import { limitBy } from "../../../src/limits/limits.ts";
import { pack } from "../../../src/packed.ts";
import type { Overrides } from "../../../src/limits/plan.ts";
import type { LimitsConfig, Policy } from "../../../src/limits/policy.ts";
import { way } from "../../../src/way.ts";

/** On a full minute. */
export const START = Math.ceil(Date.now() / 60_000) * 60_000;

export const PER_CLIENT: Policy = {
  name: "per-client",
  at: ["token"],
  key: ["ip"],
  limit: 3,
  burst: 3,
  windowSeconds: 60,
  cost: { read: 1, token: 1, checkout: 1 },
  store: { kind: "exact", algorithm: "sliding-log" },
  mode: "enforce",
  onFailure: { rule: "closed" },
  phases: {},
};
export const PER_BUYER: Policy = { ...PER_CLIENT, name: "per-buyer", key: ["user"], limit: 2, burst: 2 };
export const SIEVE: Policy = {
  ...PER_CLIENT,
  name: "sieve",
  limit: 300,
  burst: 300,
  windowSeconds: 10,
  store: { kind: "native", binding: "SIEVE" },
  onFailure: { rule: "open" },
};

export interface Setting {
  readonly limits?: Partial<LimitsConfig>;
  /** Bindings instead of the real ones. */
  readonly bindings?: Readonly<Record<string, unknown>>;
}

interface GatewayState {
  passed: number;
  config: LimitsConfig;
  /** What stages before the limits left in the context. */
  known?: {
    readonly product?: { readonly opensAt: number; readonly challenges: readonly string[] };
    readonly countsAlone?: true;
    readonly control?: { readonly overrides: Overrides };
  };
  /** How the route behind the limits answers. @default 201 */
  fails?: "throws" | 403 | 500 | 503;
  /** What it waits for before. */
  waits?: Promise<void>;
}

/** A gateway of nothing but limits and a route; `passed` counts what came through. */
export function gatewayOf(policies: readonly Policy[], { limits, bindings }: Setting = {}) {
  const config: LimitsConfig = {
    verbosity: "full",
    shards: 4,
    // All the time that a healthy store may need on a busy machine.
    storeTimeoutMs: 5000,
    memoryEntries: 100,
    ipv6Prefix: 64,
    upstash: null,
    policies,
    ...limits,
  };
  const state: GatewayState = { passed: 0, config };
  const app = new Hono<BuyerEnv>();
  app.use(async (c, next) => {
    c.set("requestId", "request-1");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the stage reads nothing else of it
    c.set("config", { limits: state.config } as Partial<Config> as Config);
    c.set("client", { key: c.req.header("test-client") ?? unique("client"), address: null });
    c.set("buyer", { id: c.req.header("test-buyer") ?? unique("buyer"), claims: {} });
    if (state.known !== undefined)
      Object.entries(state.known).forEach(([name, value]) => c.set(name as "buyer", value as never));
    await next();
  });
  app.post(
    "/:id/tokens",
    way(
      limitBy({ at: "token", part: "sieves" }),
      limitBy({ at: "token", part: "counts" }, { addressGivesWayFor: ({ challenges }) => challenges.length > 0 }),
      async (c) => {
        state.passed += 1;
        await state.waits;
        if (state.fails === "throws") throw new Error("A defect");
        return c.text("through", state.fails ?? 201);
      },
    ),
  );
  app.get(
    "/:id",
    way(limitBy({ at: "read", part: "all" }), (c) => c.text("read")),
  );
  app.onError((_, c) => c.text("failed", 500));
  const all = { ...env, ...bindings };
  return {
    state,
    token: async (client: string, buyer = unique("buyer"), product = "demo", cf?: unknown) =>
      app.request(
        `/${product}/tokens`,
        { method: "POST", headers: { "test-client": client, "test-buyer": buyer }, cf } as RequestInit,
        all,
      ),
    read: async (client: string) => app.request("/demo", { headers: { "test-client": client } }, all),
  };
}

let uniques = 0;
export function unique(what: string): string {
  uniques += 1;
  return `${what}-${uniques}`;
}

export async function codeOf(response: Response): Promise<unknown> {
  return (await response.json<{ code: unknown }>()).code;
}

export function fieldsOf({ status, headers }: Response) {
  return {
    status,
    retryAfter: headers.get("Retry-After"),
    rateLimit: headers.get("RateLimit"),
    rateLimitPolicy: headers.get("RateLimit-Policy"),
  };
}

/** Limiter objects that do as told; `calls` has the object and the policies of every take, `givenBack` what came back. */
export function fakeLimiter(take: (checks: readonly TakeCheck[]) => Promise<unknown>) {
  const calls: string[] = [];
  const givenBack: string[] = [];
  const LIMITER = {
    getByName: (name: string) => ({
      take: (checks: readonly TakeCheck[]) => {
        calls.push(`${name}: ${checks.map(({ policy }) => policy).join(" ")}`);
        return take(checks).then(pack);
      },
      giveBack: async (taken: readonly Taken[]) => {
        givenBack.push(...taken.map(({ check }) => check.policy));
      },
    }),
  };
  return { LIMITER, calls, givenBack };
}

export function fits(checks: readonly TakeCheck[]) {
  return { taken: true, answers: checks.map(() => ({ allowed: true, remaining: 1, waitMs: 1000, takenAt: START })) };
}

export function refusal(checks: readonly TakeCheck[], waitMs: number) {
  return { taken: false, answers: checks.map(() => ({ allowed: false, remaining: 0, waitMs, takenAt: null })) };
}

export function lines(spy: { mock: { calls: readonly (readonly unknown[])[] } }): unknown[] {
  return spy.mock.calls.map(([line]) => JSON.parse(String(line)) as unknown);
}
