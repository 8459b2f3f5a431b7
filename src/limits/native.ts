/**
 * The native store: Cloudflare's `ratelimits` binding, a sieve.
 *
 * Free and fast, counted per location and approximate (https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/).
 * It answers yes or no, so that neither what remains nor a true time to retry is known: a refusal says the whole period,
 * after which the request fits in any case. What it counted cannot be given back.
 */
import { isSieve } from "./policy-contradictions.ts";
import { type Check, type Store, type StoreAnswer, withinBudget } from "./store.ts";

const NOTHING_KNOWN = { outcome: "fits", remaining: null, resetMs: null, used: null, receipt: null } as const;

/** @param env has the bindings that the policies name; `parseLimits` has looked. */
export function nativeStore(env: Readonly<Record<string, unknown>>, budgetMs: number): Store {
  return {
    take: (checks) => Promise.all(checks.map((check) => ask(check, env, budgetMs))),
    giveBack: () => Promise.resolve(),
  };
}

async function ask(check: Check, env: Readonly<Record<string, unknown>>, budgetMs: number): Promise<StoreAnswer> {
  const { policy, key } = check;
  const called = await withinBudget(async () => {
    const binding = policy.store.kind === "native" ? env[policy.store.binding] : undefined;
    if (!isSieve(binding)) throw new TypeError(`Expected a binding for the policy ${policy.name}, found none`);
    // Policies may share a binding; their counts are kept apart by the name.
    return binding.limit({ key: `${policy.name} ${key}` });
  }, budgetMs);
  if ("failed" in called) return { outcome: "failed", reason: called.failed };
  const success: unknown = (called.value as Partial<RateLimitOutcome> | null | undefined)?.success;
  if (success === true) return NOTHING_KNOWN;
  if (success === false) return { outcome: "refused", retryMs: policy.windowSeconds * 1000, exact: false };
  return { outcome: "failed", reason: "garbage" };
}
