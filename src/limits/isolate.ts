/**
 * The isolate store: a sieve in the isolate's own memory. It costs no call, cannot fail, and forgets with the isolate.
 *
 * Every isolate counts by itself, so a client whom several serve gets several times the limit: good enough in front of
 * what has a count or a signature of its own behind it, and no more than that. Bounded (T15): the keys that were counted
 * longest ago are forgotten first, which lets their clients through rather than refusing somebody else.
 */
import { decideGcra } from "./gcra.ts";
import type { Policy } from "./policy.ts";
import type { Check, Store, StoreAnswer, Taken } from "./store.ts";

/** Keys of one policy: about 10 MB at the most. */
const KEYS_MAX = 100_000;

export function isolateStore(now: () => number): Store {
  /** Theoretical arrival times by policy and key. */
  const arrivals = new Map<string, Map<string, number>>();

  function keysOf({ name }: Policy): Map<string, number> {
    const known = arrivals.get(name);
    if (known !== undefined) return known;
    const made = new Map<string, number>();
    arrivals.set(name, made);
    return made;
  }

  function take({ policy, key, cost }: Check): StoreAnswer {
    const keys = keysOf(policy);
    const windowMs = policy.windowSeconds * 1000;
    const at = now();
    const decision = decideGcra(keys.get(key), { limit: policy.limit, windowMs }, cost, at);
    if (!decision.allowed) return { outcome: "refused", retryMs: decision.retryMs, exact: false };
    keys.delete(key);
    keys.set(key, decision.arrivalAt);
    if (keys.size > KEYS_MAX) forgetOldest(keys);
    const used = (decision.arrivalAt - at) / windowMs;
    return { outcome: "fits", remaining: null, resetMs: null, used, receipt: at };
  }

  /** Less comes back the later it is: what has flowed back by itself is not given a second time. */
  function giveBack({ check: { policy, key, cost }, receipt }: Taken): void {
    const keys = keysOf(policy);
    const arrivalAt = keys.get(key);
    if (arrivalAt === undefined) return;
    const owed = (cost * policy.windowSeconds * 1000) / policy.limit - (now() - receipt);
    keys.set(key, arrivalAt - Math.max(0, owed));
  }

  return {
    take: (checks) => checks.map(take),
    giveBack: (taken) => taken.forEach(giveBack),
  };
}

function forgetOldest(keys: Map<string, number>): void {
  for (const key of keys.keys()) {
    keys.delete(key);
    return;
  }
}
