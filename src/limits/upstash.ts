/**
 * The Upstash store: counts in a Redis that speaks HTTP, by @upstash/ratelimit.
 *
 * For whoever wants one count over all regions without an object's way. Its clock is the Worker's, and how exact it is
 * depends on the algorithm (`docs/` has the measured factors): a window's boundary gives an attacker twice the limit with
 * `fixed-window` and `sliding-window`; `token-bucket` as it is set up here holds it, for a lower steady rate.
 *
 * What is closed of the SDK's traps: its time-out lets requests through, so it is off and ours decides; it retries (also
 * where retries are "off"), which would count twice; its ephemeral cache refuses what would fit, and has no bound; its
 * pipelines would mix the I/O of several requests, which workerd forbids; analytics, telemetry and deny lists call elsewhere.
 * Two scripts take what they refuse: what `fixed-window` took of a refusal is given back, and weights are not for
 * `sliding-window`. No answer other than "fits" and "refused" is believed.
 */
import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis/cloudflare";
import * as v from "valibot";
import type { Policy } from "./policy.ts";
import { type Check, type Store, type StoreAnswer, type Taken, usedOf, withinBudget } from "./store.ts";
import type { UpstashSecrets } from "./upstash-secrets.ts";

/** Of all keys; one Redis database per environment, or two would count together. */
const PREFIX = "sluice";
/** A limiter for each limit that a policy has at some moment: phases and overrides make a few dozen; more is forgotten. */
const LIMITERS_MAX = 256;

/** Crossed a network: anything may have answered. `reset`: ms since the epoch. */
const Answer = v.object({
  success: v.boolean(),
  limit: v.number(),
  remaining: v.pipe(v.number(), v.integer(), v.minValue(0)),
  reset: v.pipe(v.number(), v.minValue(1)),
  reason: v.optional(v.never()),
});

type UpstashPolicy = Policy & { readonly store: { readonly kind: "upstash" } };

/** @param secrets null where no policy is counted here. */
export function upstashStore(secrets: UpstashSecrets | null, now: () => number): Store {
  const limiters = new Map<string, Ratelimit>();

  function limiterOf(policy: UpstashPolicy): Ratelimit {
    const id = `${policy.name} ${policy.limit}`;
    const known = limiters.get(id);
    if (known !== undefined) return known;
    if (secrets === null) throw new TypeError("Expected the secrets of Upstash, found none");
    const made = makeLimiter(policy, secrets);
    if (limiters.size >= LIMITERS_MAX) limiters.clear();
    limiters.set(id, made);
    return made;
  }

  async function take({ policy, key, cost }: Check): Promise<StoreAnswer> {
    if (!isUpstash(policy)) return GARBAGE;
    const called = await withinBudget(async () => {
      const limiter = limiterOf(policy);
      const answer = await limiter.limit(key, { rate: cost });
      if (!answer.success && policy.store.algorithm === "fixed-window") await limiter.limit(key, { rate: -cost });
      return answer;
    }, policy.store.timeoutMs);
    if ("failed" in called) return { outcome: "failed", reason: called.failed };
    if (called.value.reason === "timeout") return { outcome: "failed", reason: "timeout" };
    if (!v.is(Answer, called.value) || called.value.limit !== policy.burst) return GARBAGE;
    const { success, remaining, reset } = called.value;
    const resetMs = Math.max(0, reset - now());
    if (!success) return refusalOf(policy, cost, resetMs);
    return { outcome: "fits", remaining, resetMs, used: usedOf(policy, remaining), receipt: reset };
  }

  /** Only before the next window: later the script would give the units to that one, which never lost them. */
  async function giveBack({ check: { policy, key, cost }, receipt }: Taken): Promise<void> {
    if (!isUpstash(policy) || now() >= receipt) return;
    await withinBudget(() => limiterOf(policy).limit(key, { rate: -cost }), policy.store.timeoutMs);
  }

  return {
    take: (checks) => Promise.all(checks.map(take)),
    giveBack: async (taken) => {
      await Promise.all(taken.map(giveBack));
    },
  };
}

const GARBAGE: StoreAnswer = { outcome: "failed", reason: "garbage" };

function isUpstash(policy: Policy): policy is UpstashPolicy {
  return policy.store.kind === "upstash";
}

function makeLimiter(policy: UpstashPolicy, { url, token }: UpstashSecrets): Ratelimit {
  const { algorithm, timeoutMs } = policy.store;
  return new Ratelimit({
    redis: new Redis({
      url,
      token,
      // `false` would be one retry.
      retry: { retries: 0 },
      // An aborted call throws only where this is a function; otherwise its abortion is the answer.
      signal: () => AbortSignal.timeout(timeoutMs),
      readYourWrites: false,
      enableAutoPipelining: false,
      enableTelemetry: false,
    }),
    limiter: scriptOf(policy),
    prefix: `${PREFIX}:${policy.name}:${algorithm}`,
    timeout: 0,
    ephemeralCache: false,
    analytics: false,
    enableProtection: false,
    enableTelemetry: false,
  });
}

function scriptOf({ store, limit, burst, windowSeconds }: UpstashPolicy) {
  const window = `${windowSeconds} s` as const;
  switch (store.algorithm) {
    case "fixed-window":
      return Ratelimit.fixedWindow(limit, window);
    case "sliding-window":
      return Ratelimit.slidingWindow(limit, window);
    case "token-bucket":
      // A full bucket and one refill make the limit, and no window of this length sees two refills.
      return Ratelimit.tokenBucket(limit - burst, window, burst);
  }
}

/** @param resetMs until the window ends, or until the bucket is refilled. */
function refusalOf({ store, limit, burst, windowSeconds }: UpstashPolicy, cost: number, resetMs: number): StoreAnswer {
  switch (store.algorithm) {
    case "fixed-window":
      return { outcome: "refused", retryMs: resetMs, exact: true };
    case "sliding-window":
      // At the window's end all of it counts as the previous one; a moment later the first unit of it is gone.
      return { outcome: "refused", retryMs: resetMs + 1, exact: false };
    case "token-bucket": {
      const furtherRefills = Math.ceil(cost / (limit - burst)) - 1;
      const retryMs = resetMs + furtherRefills * windowSeconds * 1000;
      return { outcome: "refused", retryMs, exact: furtherRefills === 0 };
    }
  }
}
