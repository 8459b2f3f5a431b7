/**
 * The limits' stage: every policy that applies to this call must agree, or the request ends here.
 *
 * It stands twice in the way of a token: before identity for what is counted per client, and after it for what is counted
 * per buyer, so that nobody can use up another's quota (T16). A request that got through and then fails for a reason of our
 * own, any 5xx, gets its units back; one that is refused further on for a reason of its own does not, or guessing would be
 * free. What this stage must not do: let a request through because a store is in trouble, unless the policy says so.
 */
import type { Context, MiddlewareHandler } from "hono";
import type { AppEnv, BuyerEnv } from "../context.ts";
import { logEvent } from "../log.ts";
import { refuse } from "../problem.ts";
import type { Refusal } from "../refusal.ts";
import { type Counters, evaluate, giveBack, type Ruling, stops } from "./evaluate.ts";
import { exactStore } from "./exact.ts";
import { joinField, rateLimitField, secondsOf } from "./headers.ts";
import { keyOf, ownerOf, partsOf, type Subject } from "./key.ts";
import { RefusalMemory } from "./memory.ts";
import { isolateStore } from "./isolate.ts";
import { nativeStore } from "./native.ts";
import { originOf } from "./origin.ts";
import { type Overrides, type Place, type Plan, planOf } from "./plan.ts";
import type { LimitsConfig, Policy } from "./policy.ts";
import { LimitReports } from "./reports.ts";
import type { Check } from "./store.ts";
import { upstashStore } from "./upstash.ts";

/** What an isolate remembers and counts by itself, forgotten with the configuration that it belongs to. */
interface Memory {
  readonly counters: Counters;
  readonly reports: LimitReports;
}

function now(): number {
  return Date.now();
}

/** What stages before this one may have left. */
type Known = AppEnv["Variables"] & {
  /** Set where the round's product is known: the sale stage. */
  readonly product?: { readonly opensAt: number };
  /** What operators changed at run time. */
  readonly control?: { readonly overrides: Overrides };
  readonly buyer?: BuyerEnv["Variables"]["buyer"];
};

/** How soon to come back when the limiter is in trouble: nobody can know. An object that moves is back within a second. */
const UNAVAILABLE_RETRY_SECONDS = 2;
const NO_OVERRIDES: Overrides = new Map();

const memories = new WeakMap<LimitsConfig, Memory>();

/** @param place where this stage stands. */
export function limitBy(place: Place): MiddlewareHandler<AppEnv> {
  let last: { readonly config: LimitsConfig; readonly overrides: Overrides; readonly plan: Plan } | undefined;

  function planFor(config: LimitsConfig, overrides: Overrides, at: number): Plan {
    if (last?.config !== config || last.overrides !== overrides || at >= last.plan.validUntil) {
      last = { config, overrides, plan: planOf(config, place, overrides, at) };
    }
    return last.plan;
  }

  return async function limit(c, next) {
    const config = c.get("config").limits;
    const known: Known = c.var;
    const at = now();
    const plan = planFor(config, known.control?.overrides ?? NO_OVERRIDES, at);
    const policies = plan.policiesAt(known.product?.opensAt, at);
    if (policies.length === 0) return next();
    const { counters, reports } = memoryOf(config, c.env);
    const { rulings, taken } = await evaluate(await checksOf(policies, c, place), counters);
    reports.count(rulings, now());
    reportFailures(rulings, c.get("requestId"));
    const field = plan.fieldOf(policies);
    const refusal = refusalOf(rulings, field, place);
    if (refusal !== null) return refuse(c, refusal);
    await next();
    const failed = c.res.status >= 500;
    // Behind one address there may be a campus: who is proven, and has or gets a challenge to solve, counts by himself.
    const givesWay = place.who === "client" && c.get("countsAlone") === true;
    if (failed || givesWay) await giveBack(taken, counters);
    // What remains after a failure is not told: whether the units came back is not known.
    if (field !== undefined) tell(c, failed ? "" : limitField(rulings, place), field);
    return undefined;
  };
}

function memoryOf(config: LimitsConfig, env: Env): Memory {
  const present = memories.get(config);
  if (present !== undefined) return present;
  const { shards, storeTimeoutMs: budgetMs, memoryEntries, upstash } = config;
  const counters: Counters = {
    stores: {
      isolate: isolateStore(now),
      native: nativeStore({ ...env }, budgetMs),
      exact: exactStore(env.LIMITER, { shards, budgetMs }),
      upstash: upstashStore(upstash, now),
    },
    memory: new RefusalMemory(memoryEntries),
    local: new Map(),
    now,
  };
  const memory = { counters, reports: new LimitReports() };
  memories.set(config, memory);
  return memory;
}

function subjectOf(c: Context<AppEnv>, { who }: Place): Subject {
  const product = c.req.param("id");
  const known = {
    client: c.get("client").key,
    origin: originOf(c.req.raw.cf),
    ...(product === undefined ? {} : { product }),
  };
  if (who === "client") return known;
  const { buyer }: Known = c.var;
  if (buyer === undefined) throw new Error("Expected a proven buyer before the limits per buyer, found none");
  return { ...known, buyer: buyer.id };
}

async function checksOf(policies: readonly Policy[], c: Context<AppEnv>, place: Place): Promise<readonly Check[]> {
  const parts = await partsOf(subjectOf(c, place), c.get("config").limits.ipv6Prefix);
  return policies.map((policy) => {
    const kind = ownerOf(policy.key);
    const owner = { kind, part: parts[kind] };
    return { policy, key: keyOf(policy.key, parts), owner, cost: policy.cost[place.at] };
  });
}

/** A limit that is reached comes before one that could not be asked: it is the surer of the two. */
function refusalOf(rulings: readonly Ruling[], policyField: string | undefined, place: Place): Refusal | null {
  const stopping = rulings.filter(stops);
  if (stopping.length === 0) return null;
  const limited = stopping.filter(({ says }) => says === "limited");
  if (limited.length === 0) return { code: "limiter-unavailable", retryAfterSeconds: UNAVAILABLE_RETRY_SECONDS };
  const retryMs = Math.max(...limited.map((ruling) => ruling.retryMs));
  const told = { code: "rate-limited", retryAfterSeconds: Math.max(1, secondsOf(retryMs)) } as const;
  if (policyField === undefined) return told;
  return { ...told, rateLimit: limitField(rulings, place), rateLimitPolicy: policyField };
}

function limitField(rulings: readonly Ruling[], { at }: Place): string {
  return rateLimitField(
    rulings.flatMap(({ policy, remaining, resetMs }) => {
      if (policy.mode !== "enforce" || remaining === null) return [];
      return [{ name: policy.name, remaining: Math.floor(remaining / policy.cost[at]), resetMs }];
    }),
  );
}

/** Adds the fields to the response, whatever it became; one of each, in the order of the stages. */
function tell(c: Context<AppEnv>, field: string, policyField: string): void {
  c.header("RateLimit-Policy", joinField(policyField, c.res.headers.get("RateLimit-Policy")));
  if (field !== "") c.header("RateLimit", joinField(field, c.res.headers.get("RateLimit")));
}

/** One line for each store that failed. */
function reportFailures(rulings: readonly Ruling[], requestId: string): void {
  for (const { policy, failure } of rulings) {
    if (failure !== null) logEvent("warn", "limit-store-failed", { policy: policy.name, reason: failure, requestId });
  }
}
