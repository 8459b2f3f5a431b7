/**
 * The isolate store: a sieve in the isolate's own memory. It costs no call, cannot fail, and forgets with the isolate.
 *
 * Every isolate counts by itself, so a client whom several serve gets several times the limit: good enough in front of
 * what has a count or a signature of its own behind it, and no more than that. Bounded (T15): the keys that were counted
 * longest ago are forgotten first, which lets their clients through rather than refusing somebody else.
 */
import { decideGcra } from "./gcra.ts";
import type { Policy } from "./policy.ts";
import type { Check, Store, StoreAnswer } from "./store.ts";

/** Keys of one policy: about 10 MB at the most. */
const KEYS_MAX = 100_000;

export function isolateStore(now: () => number): Store {
  const arrivals = new Map<Policy, Map<string, number>>();

  function take({ policy, key }: Check): StoreAnswer {
    const keys = arrivals.get(policy) ?? new Map<string, number>();
    arrivals.set(policy, keys);
    const rule = { limit: policy.limit, windowMs: policy.windowSeconds * 1000 };
    const decision = decideGcra(keys.get(key), rule, 1, now());
    if (!decision.allowed) return { outcome: "refused", retryMs: decision.retryMs, exact: false };
    keys.delete(key);
    keys.set(key, decision.arrivalAt);
    const oldest = keys.keys().next();
    if (keys.size > KEYS_MAX && oldest.done === false) keys.delete(oldest.value);
    return { outcome: "fits", remaining: null, resetMs: null };
  }

  return { take: (checks) => Promise.resolve(checks.map(take)) };
}
