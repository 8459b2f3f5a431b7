/**
 * All policies that apply to a request at one place, cheapest first: what the isolate remembers, then the sieves, then the
 * exact counts. A layer that refuses spares the next. What a store says, or that it says nothing, becomes a ruling by the
 * policy's own rule for failure.
 */
import { LocalBudgets } from "./local.ts";
import type { RefusalMemory } from "./memory.ts";
import type { Policy } from "./policy.ts";
import { type Check, idOf, type Store, type StoreAnswer } from "./store.ts";

/** What becomes of a request by one policy. Durations in ms; null where nobody knows. */
export interface Ruling {
  readonly policy: Policy;
  readonly says: "pass" | "limited" | "unavailable";
  readonly remaining: number | null;
  /** Until more comes back. */
  readonly resetMs: number | null;
  /** Where limited: after which the request fits. */
  readonly retryMs: number;
  /** Why the store gave no answer, for the operator's log. */
  readonly failure: string | null;
}

/** What one isolate has for one configuration. */
export interface Counters {
  readonly isolate: Store;
  readonly native: Store;
  readonly exact: Store;
  readonly memory: RefusalMemory;
  /** By policy. */
  readonly local: Map<Policy, LocalBudgets>;
  /** Ms since the epoch. */
  readonly now: () => number;
}

/** Every request takes one unit. */
const UNIT = 1;

/** The rulings up to the layer that stops the request; policies of later layers have none then. */
export async function evaluate(checks: readonly Check[], counters: Counters): Promise<readonly Ruling[]> {
  const rulings: Ruling[] = [];
  const unknown: Check[] = [];
  for (const check of checks) {
    const ruling = recall(check, counters);
    if (ruling === null) unknown.push(check);
    else rulings.push(ruling);
  }
  for (const kind of ["isolate", "native", "exact"] as const) {
    if (rulings.some(stops)) return rulings;
    const asked = unknown.filter(({ policy }) => policy.store.kind === kind);
    if (asked.length > 0) rulings.push(...(await ask(asked, counters[kind], counters)));
  }
  return rulings;
}

/** Whether a ruling refuses the request: a shadow's never does. */
export function stops({ policy, says }: Ruling): boolean {
  return policy.mode === "enforce" && says !== "pass";
}

function recall(check: Check, { memory, now }: Counters): Ruling | null {
  const at = now();
  const refused = memory.recall(idOf(check), UNIT, at);
  if (refused === undefined) return null;
  return limited(check.policy, { retryMs: refused.retryAt - at, resetMs: refused.retryAt - at });
}

async function ask(checks: readonly Check[], store: Store, counters: Counters): Promise<readonly Ruling[]> {
  const sentAt = counters.now();
  const answers = await store.take(checks);
  return checks.map((check, index) => {
    const answer = answers[index] ?? { outcome: "failed", reason: "garbage" };
    if (answer.outcome === "refused" && answer.exact) {
      // The store decided at some moment between sending and receiving; both bounds are kept.
      const { retryMs } = answer;
      counters.memory.remember(idOf(check), {
        remaining: 0,
        until: sentAt + retryMs,
        retryAt: counters.now() + retryMs,
      });
    }
    return ruleOn(check, answer, counters);
  });
}

function ruleOn(check: Check, answer: StoreAnswer, counters: Counters): Ruling {
  const { policy } = check;
  if (answer.outcome === "fits") return pass(policy, answer);
  if (answer.outcome === "failed") return { ...ruleOnFailure(check, counters), failure: answer.reason };
  const { retryMs, exact } = answer;
  return limited(policy, { retryMs, resetMs: exact ? retryMs : null });
}

function ruleOnFailure(check: Check, counters: Counters): Ruling {
  const { policy } = check;
  const { onFailure } = policy;
  // A shadow protects nothing, so that nothing is lost with it.
  if (policy.mode === "shadow") return pass(policy);
  if (onFailure.rule !== "local") return onFailure.rule === "open" ? pass(policy) : unavailable(policy);
  const rule = { limit: onFailure.limit, windowMs: policy.windowSeconds * 1000 };
  const budgets = counters.local.get(policy) ?? new LocalBudgets(rule);
  counters.local.set(policy, budgets);
  const answer = budgets.take(check.key, counters.now());
  if (answer.outcome === "fits") return pass(policy);
  if (answer.outcome === "full") return unavailable(policy);
  return limited(policy, { retryMs: answer.retryMs, resetMs: answer.retryMs });
}

const NOTHING_KNOWN = { remaining: null, resetMs: null };

function pass(policy: Policy, known: Pick<Ruling, "remaining" | "resetMs"> = NOTHING_KNOWN): Ruling {
  const { remaining, resetMs } = known;
  return { policy, says: "pass", remaining, resetMs, retryMs: 0, failure: null };
}

function limited(policy: Policy, times: Pick<Ruling, "retryMs" | "resetMs">): Ruling {
  return { policy, says: "limited", remaining: 0, failure: null, ...times };
}

function unavailable(policy: Policy): Ruling {
  return { policy, says: "unavailable", remaining: null, resetMs: null, retryMs: 0, failure: null };
}
