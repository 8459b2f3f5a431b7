/**
 * All policies that apply to a request at one place, decided as one: a request that one of them refuses takes nothing of
 * any.
 *
 * Cheapest first: what the isolate remembers, then the sieves, then the exact counts; a layer that refuses spares the next.
 * Where the keys of a request live in one limiter object that is one step. Across stores it is two: every store takes, and
 * what was taken is given back if another one refuses, or fails and its rule is to refuse. What that gives up: between the
 * two (one call to each store) the units count, so that another request of the same key may be refused that would just have
 * fitted; and if the second step fails, or a call is too late and nobody knows what it took, they stay counted until their
 * window ends. Cloudflare's native binding counts attempts and gives nothing back. Never does more than a limit pass.
 */
import { after, type Soon } from "../soon.ts";
import { LocalBudgets } from "./local.ts";
import type { RefusalMemory } from "./memory.ts";
import type { Policy, PolicyStore } from "./policy.ts";
import type { Rider } from "./rider.ts";
import { type Check, idOf, type Store, type StoreAnswer, type Taken } from "./store.ts";

/** What becomes of a request by one policy. Durations in ms; null where nobody knows. */
export interface Ruling {
  readonly policy: Policy;
  readonly says: "pass" | "limited" | "unavailable";
  /** Units. */
  readonly remaining: number | null;
  /** Until more comes back. */
  readonly resetMs: number | null;
  /** Where limited: after which the request fits. */
  readonly retryMs: number;
  /** The share of the quota that is used up. */
  readonly used: number | null;
  /** Why the store gave no answer, for the operator's log. */
  readonly failure: string | null;
}

export interface Evaluation {
  /** Up to the layer that stops the request; policies of later layers have none then. */
  readonly rulings: readonly Ruling[];
  /** What the request took; nothing if it was stopped. */
  readonly taken: readonly Taken[];
}

/** What one isolate has for one configuration. */
export interface Counters {
  readonly stores: Readonly<Record<PolicyStore["kind"], Store>>;
  readonly memory: RefusalMemory;
  /** By a policy's name. */
  readonly local: Map<string, LocalBudgets>;
  /** Ms since the epoch. */
  readonly now: () => number;
}

/** Cheapest first. */
const LAYERS = ["isolate", "native", "exact", "upstash"] as const satisfies readonly PolicyStore["kind"][];

interface Judged {
  readonly check: Check;
  readonly ruling: Ruling;
  readonly receipt: number | null;
}

/** Nothing is waited for where the isolate alone decides. */
export function evaluate(checks: readonly Check[], counters: Counters, rider?: Rider): Soon<Evaluation> {
  const judged: Judged[] = [];
  const unknown: Check[] = [];
  for (const check of checks) {
    const ruling = recall(check, counters, "recall");
    if (ruling === null) unknown.push(check);
    else judged.push({ check, ruling, receipt: null });
  }
  return askFrom(0, judged, { unknown, counters, rider });
}

/** What the isolate remembers against a request on its way to where it is counted. Takes nothing, asks nobody; empty: it may fit, or has to ask. */
export function recallAll(checks: readonly Check[], counters: Counters): readonly Ruling[] {
  return checks.map((check) => recall(check, counters, "recallUnlessAsking")).filter((ruling) => ruling !== null);
}

interface Question {
  /** What the isolate does not remember. */
  readonly unknown: readonly Check[];
  readonly counters: Counters;
  readonly rider: Rider | undefined;
}

/** Asks the layers from this one on, until one refuses. */
function askFrom(first: number, judged: Judged[], question: Question): Soon<Evaluation> {
  const { unknown, counters, rider } = question;
  for (let layer = first; layer < LAYERS.length; layer++) {
    const kind = LAYERS[layer];
    if (kind === undefined || judged.some(isStopping)) break;
    const checks = unknown.filter(({ policy }) => policy.store.kind === kind);
    if (checks.length === 0) continue;
    const answered = ask(checks, counters.stores[kind], { counters, rider });
    if (answered instanceof Promise) {
      return answered.then((late) => askFrom(layer + 1, [...judged, ...late], question));
    }
    judged.push(...answered);
  }
  return conclude(judged, counters);
}

function conclude(judged: readonly Judged[], counters: Counters): Soon<Evaluation> {
  const taken: Taken[] = [];
  for (const { check, receipt } of judged) if (receipt !== null) taken.push({ check, receipt });
  if (!judged.some(isStopping)) return { rulings: judged.map(({ ruling }) => ruling), taken };
  const refused = { rulings: judged.map(untaken), taken: [] };
  return taken.length === 0 ? refused : giveBack(taken, counters).then(() => refused);
}

/** Gives back what an accepted request took that failed for a reason of our own. Once only. */
export async function giveBack(taken: readonly Taken[], { stores, memory }: Counters): Promise<void> {
  const byStore = Map.groupBy(taken, ({ check }) => check.policy.store.kind);
  for (const { check } of taken) memory.forget(idOf(check));
  await Promise.all(Array.from(byStore, async ([kind, group]) => stores[kind].giveBack(group)));
}

/** Whether a ruling refuses the request: a shadow's never does. */
export function stops({ policy, says }: Ruling): boolean {
  return policy.mode === "enforce" && says !== "pass";
}

function isStopping({ ruling }: Judged): boolean {
  return stops(ruling);
}

/** The ruling on a request whose units were given back. */
function untaken({ check, ruling, receipt }: Judged): Ruling {
  if (receipt === null || ruling.remaining === null) return ruling;
  return { ...ruling, remaining: Math.min(check.policy.burst, ruling.remaining + check.cost) };
}

/** What is remembered against a request. Nothing is of the sieves: they are as quick as the memory. */
function recall(check: Check, { memory, now }: Counters, how: "recall" | "recallUnlessAsking"): Ruling | null {
  const { kind } = check.policy.store;
  if (kind === "isolate" || kind === "native") return null;
  const at = now();
  const refused = memory[how](idOf(check), check.cost, at);
  if (refused === undefined) return null;
  const retryMs = refused.retryAt - at;
  return limited(check.policy, { retryMs, resetMs: retryMs });
}

function ask(
  checks: readonly Check[],
  store: Store,
  { counters, rider }: Omit<Question, "unknown">,
): Soon<readonly Judged[]> {
  const sentAt = counters.now();
  return after(store.take(checks, rider), (answers) =>
    checks.map((check, index) => {
      const answer = answers[index] ?? { outcome: "failed", reason: "garbage" };
      if (answer.outcome === "refused" && answer.exact) {
        // The store decided at some moment between sending and receiving; both bounds are kept. It may have room for less.
        const { retryMs } = answer;
        const at = counters.now();
        const entry = { remaining: check.cost - 1, until: sentAt + retryMs, retryAt: at + retryMs };
        counters.memory.remember(idOf(check), entry, at);
      }
      if (answer.outcome === "fits" && counters.memory.size > 0) counters.memory.noteFit(idOf(check), check.cost);
      const receipt = answer.outcome === "fits" ? answer.receipt : null;
      return { check, ruling: ruleOn(check, answer, counters), receipt };
    }),
  );
}

function ruleOn(check: Check, answer: StoreAnswer, counters: Counters): Ruling {
  const { policy } = check;
  if (answer.outcome === "fits") return pass(policy, answer);
  if (answer.outcome === "failed") return { ...ruleOnFailure(check, counters), failure: answer.reason };
  const { retryMs, exact } = answer;
  return limited(policy, { retryMs, resetMs: exact ? retryMs : null });
}

function ruleOnFailure({ policy, key, cost }: Check, counters: Counters): Ruling {
  const { onFailure } = policy;
  // A shadow protects nothing, so that nothing is lost with it.
  if (policy.mode === "shadow") return pass(policy);
  if (onFailure.rule !== "local") return onFailure.rule === "open" ? pass(policy) : unavailable(policy);
  const rule = { limit: onFailure.limit, windowMs: policy.windowSeconds * 1000 };
  const budgets = counters.local.get(policy.name) ?? new LocalBudgets(rule);
  counters.local.set(policy.name, budgets);
  const answer = budgets.take(key, cost, Math.min(onFailure.limit, policy.limit), counters.now());
  if (answer.outcome === "fits") return pass(policy);
  if (answer.outcome === "full") return unavailable(policy);
  return limited(policy, { retryMs: answer.retryMs, resetMs: answer.retryMs });
}

const NOTHING_KNOWN = { remaining: null, resetMs: null, used: null };

function pass(policy: Policy, known: Pick<Ruling, "remaining" | "resetMs" | "used"> = NOTHING_KNOWN): Ruling {
  const { remaining, resetMs, used } = known;
  return { policy, says: "pass", remaining, resetMs, used, retryMs: 0, failure: null };
}

function limited(policy: Policy, times: Pick<Ruling, "retryMs" | "resetMs">): Ruling {
  return { policy, says: "limited", remaining: 0, used: 1, failure: null, ...times };
}

function unavailable(policy: Policy): Ruling {
  return { policy, says: "unavailable", remaining: null, resetMs: null, used: null, retryMs: 0, failure: null };
}
