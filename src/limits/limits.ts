/**
 * The limits' stage: every policy that applies to this call must agree, or the request ends here.
 *
 * It stands twice in the way of a token: before identity for what is counted per client, and after it for what is counted
 * per buyer, so that nobody can use up another's quota (T16). What it must not do: let a request through because a store
 * is in trouble, unless the policy says so.
 */
import type { Context, MiddlewareHandler } from "hono";
import type { AppEnv, BuyerEnv } from "../context.ts";
import { logEvent } from "../log.ts";
import { refuse } from "../problem.ts";
import type { Refusal } from "../refusal.ts";
import { type Counters, evaluate, type Ruling, stops } from "./evaluate.ts";
import { exactStore } from "./exact.ts";
import { joinField, rateLimitField, rateLimitPolicyField, secondsOf } from "./headers.ts";
import { keyOf, ownerOf, partsOf, type Subject } from "./key.ts";
import { RefusalMemory } from "./memory.ts";
import { isolateStore } from "./isolate.ts";
import { nativeStore } from "./native.ts";
import type { LimitedCall, LimitsConfig, Policy } from "./policy.ts";
import type { Check } from "./store.ts";

export interface LimitOptions {
  readonly at: LimitedCall;
  /** `client`: the policies without the buyer in their key; `buyer`: those with it, behind the identity stage. */
  readonly who: "client" | "buyer";
}

/** The policies of one place under one configuration. */
interface Plan {
  readonly policies: readonly Policy[];
  /** The RateLimit-Policy field; the same for every request. Undefined when it is hidden, or when nothing is enforced. */
  readonly policyField: string | undefined;
  readonly counters: Counters;
}

/** How soon to come back when the limiter is in trouble: nobody can know. An object that moves is back within a second. */
const UNAVAILABLE_RETRY_SECONDS = 2;

/** What an isolate remembers and counts by itself, forgotten with the configuration that it belongs to. */
const countersOf = new WeakMap<LimitsConfig, Counters>();

/** @param options where this stage stands. */
export function limitBy(options: LimitOptions): MiddlewareHandler<AppEnv> {
  const plans = new WeakMap<LimitsConfig, Plan>();
  return async function limit(c, next) {
    const config = c.get("config").limits;
    let plan = plans.get(config);
    if (plan === undefined) {
      plan = planOf(config, options, c.env);
      plans.set(config, plan);
    }
    if (plan.policies.length === 0) return next();
    const rulings = await evaluate(await checksOf(plan, subjectOf(c, options)), plan.counters);
    report(rulings, c.get("requestId"));
    const refusal = refusalOf(rulings, plan);
    if (refusal !== null) return refuse(c, refusal);
    await next();
    tell(c, rulings, plan);
    return undefined;
  };
}

function planOf(config: LimitsConfig, { at, who }: LimitOptions, env: Env): Plan {
  const policies = config.policies.filter(
    (policy) => policy.mode !== "off" && policy.at.includes(at) && policy.key.includes("user") === (who === "buyer"),
  );
  const enforced = policies.filter(({ mode }) => mode === "enforce");
  const policyField =
    config.verbosity === "quiet" || enforced.length === 0 ? undefined : rateLimitPolicyField(enforced);
  return { policies, policyField, counters: countersFor(config, env) };
}

function countersFor(config: LimitsConfig, env: Env): Counters {
  const { shards, storeTimeoutMs: budgetMs, memoryEntries } = config;
  const present = countersOf.get(config);
  if (present !== undefined) return present;
  const counters: Counters = {
    isolate: isolateStore(() => Date.now()),
    native: nativeStore({ ...env }, budgetMs),
    exact: exactStore(env.LIMITER, { shards, budgetMs }),
    memory: new RefusalMemory(memoryEntries),
    local: new Map(),
    now: () => Date.now(),
  };
  countersOf.set(config, counters);
  return counters;
}

function subjectOf(c: Context<AppEnv>, { who }: LimitOptions): Subject {
  const product = c.req.param("id");
  const known = { client: c.get("client").key, ...(product === undefined ? {} : { product }) };
  if (who === "client") return known;
  const { buyer }: Partial<BuyerEnv["Variables"]> = c.var;
  if (buyer === undefined) throw new Error("Expected a proven buyer before the limits per buyer, found none");
  return { ...known, buyer: buyer.id };
}

async function checksOf({ policies }: Plan, subject: Subject): Promise<readonly Check[]> {
  const parts = await partsOf(subject);
  return policies.map((policy) => {
    const kind = ownerOf(policy.key);
    return { policy, key: keyOf(policy.key, parts), owner: { kind, part: parts[kind] } };
  });
}

/** A limit that is reached comes before one that could not be asked: it is the surer of the two. */
function refusalOf(rulings: readonly Ruling[], plan: Plan): Refusal | null {
  const stopping = rulings.filter(stops);
  if (stopping.length === 0) return null;
  const limited = stopping.filter(({ says }) => says === "limited");
  if (limited.length === 0) return { code: "limiter-unavailable", retryAfterSeconds: UNAVAILABLE_RETRY_SECONDS };
  const retryMs = Math.max(...limited.map((ruling) => ruling.retryMs));
  const told = { code: "rate-limited", retryAfterSeconds: Math.max(1, secondsOf(retryMs)) } as const;
  if (plan.policyField === undefined) return told;
  return { ...told, rateLimit: limitField(rulings), rateLimitPolicy: plan.policyField };
}

function limitField(rulings: readonly Ruling[]): string {
  return rateLimitField(
    rulings.flatMap(({ policy, remaining, resetMs }) =>
      policy.mode === "enforce" && remaining !== null ? [{ name: policy.name, remaining, resetMs }] : [],
    ),
  );
}

/** Adds the fields to the response, whatever it became; one of each, in the order of the stages. */
function tell(c: Context<AppEnv>, rulings: readonly Ruling[], { policyField }: Plan): void {
  if (policyField === undefined) return;
  c.header("RateLimit-Policy", joinField(policyField, c.res.headers.get("RateLimit-Policy")));
  const field = limitField(rulings);
  if (field !== "") c.header("RateLimit", joinField(field, c.res.headers.get("RateLimit")));
}

/** One line for each shadow that would have refused, and for each store that failed. */
function report(rulings: readonly Ruling[], requestId: string): void {
  for (const { policy, says, failure } of rulings) {
    if (failure !== null) {
      logEvent("warn", "limit-store-failed", { policy: policy.name, reason: failure, requestId });
    } else if (policy.mode === "shadow" && says === "limited") {
      logEvent("info", "limit-shadow", { policy: policy.name, requestId });
    }
  }
}
