/**
 * The limits' stage: every policy that applies to this call must agree, or the request ends here.
 *
 * It stands twice in the way of a token and of a checkout: sieves, which cost no call, before the signature that is dear (a buyer's
 * identity, the proof of a bound token), and for a token with them what the isolate remembers against an address; everything that
 * is counted elsewhere behind it, where the buyer is proven, as one decision. So nobody uses up another's quota or that of an
 * address that he shares with others (T16), and a flood without an identity costs no call (T20). A request that got through and
 * then fails for a reason of our own, any 5xx, gets its units back; one that is refused further on for a reason of its own does
 * not, or guessing would be free. What this stage must not do: let a request through because a store is in trouble, unless the
 * policy says so.
 */
import type { Context } from "hono";
import type { AppEnv } from "../context.ts";
import { logEvent } from "../log.ts";
import { refuse } from "../problem.ts";
import type { Refusal } from "../refusal.ts";
import { after, type Soon } from "../soon.ts";
import type { Answer, Next, Stage } from "../way.ts";
import { type Counters, type Evaluation, evaluate, giveBack, recallAll, type Ruling, stops } from "./evaluate.ts";
import { exactStore } from "./exact.ts";
import { joinField, rateLimitField, secondsOf } from "./headers.ts";
import { keyOf, ownerOf, partsOf, type Subject, type SubjectParts } from "./key.ts";
import { RefusalMemory } from "./memory.ts";
import { isolateStore } from "./isolate.ts";
import { nativeStore } from "./native.ts";
import { originOf } from "./origin.ts";
import { countsAddress, type Overrides, type Place, type Plan, planOf } from "./plan.ts";
import type { LimitedCall, LimitsConfig, Policy } from "./policy.ts";
import { LimitReports } from "./reports.ts";
import type { AddressCount, Rider } from "./rider.ts";
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

const everyPolicy = (): boolean => true;
const noPolicy = (): boolean => false;

interface Product {
  readonly opensAt: number;
  readonly challenges: readonly string[];
}

/** A context with what stages before this one may have left. */
type KnowingContext = Context<
  AppEnv & {
    Variables: {
      /** Set where the round's product is known: the sale stage. */
      readonly product?: Product;
      /** What operators changed at run time. */
      readonly control?: { readonly overrides: Overrides };
      /** Proven by his identity, or by the purchase token that names him. */
      readonly buyer?: { readonly id: string };
      readonly token?: { readonly buyerId: string };
    };
  }
>;

export interface LimitOptions {
  /**
   * Whether everybody who gets on with this product has to do something for it himself. Policies that count an address are not
   * applied then: behind one address there may be a campus, and whoever does not do it gets nothing. @default never
   */
  readonly addressGivesWayFor?: (product: Product) => boolean;
  /** What else is counted for the request's address, where its limits make a call; null: nothing this time. @default nothing */
  readonly countsAlong?: (c: Context) => AddressCount | null;
}

/** How soon to come back when the limiter is in trouble: nobody can know. An object that moves is back within a second. */
const UNAVAILABLE_RETRY_SECONDS = 2;
const NO_OVERRIDES: Overrides = new Map();

const memories = new WeakMap<LimitsConfig, Memory>();

/**
 * Refuses whom the isolate remembers as refused for his address, or for all who ask, before a signature is checked: with new
 * accounts behind it, that is what an address beyond its limit costs most. It takes nothing and asks nobody; whoever may fit goes on
 * to where he is counted.
 */
export function refuseRemembered(at: LimitedCall, { addressGivesWayFor }: LimitOptions = {}): Stage {
  const place: Place = { at, part: "shared" };
  const applyTo = appliesAt(place, addressGivesWayFor);

  return function recall(c: Context<AppEnv>, next: Next): Answer {
    const applied = applyTo(c);
    if (applied === null || applied.counters.memory.size === 0) return next(c);
    const { policies, field, counters, reports } = applied;
    return after(applied.parts(), (parts) => {
      const rulings = recallAll(checksOf(policies, parts, place), counters);
      const refusal = refusalOf(rulings, field, place);
      if (refusal === null) return next(c);
      reports.count(rulings, now());
      return refuse(c, refusal);
    });
  };
}

/** What applies to a request, and by what it is judged. */
interface Applied extends Memory {
  readonly policies: readonly Policy[];
  /** RateLimit-Policy; undefined: it is hidden. */
  readonly field: string | undefined;
  /** Of its keys. */
  readonly parts: () => Soon<SubjectParts>;
}

/** Which policies of a place apply to a request, prepared once for many; null: none. */
function appliesAt(place: Place, addressGivesWayFor: LimitOptions["addressGivesWayFor"]) {
  let last: { readonly config: LimitsConfig; readonly overrides: Overrides; readonly plan: Plan } | undefined;

  function planFor(config: LimitsConfig, overrides: Overrides, at: number): Plan {
    if (last?.config !== config || last.overrides !== overrides || at >= last.plan.validUntil) {
      last = { config, overrides, plan: planOf(config, place, overrides, at) };
    }
    return last.plan;
  }

  return function applyTo(c: Context<AppEnv>): Applied | null {
    // The compiler does not see through its setter that a context may know more.
    const known = c as unknown as KnowingContext;
    const config = c.get("config").limits;
    const product = known.get("product");
    const at = now();
    const plan = planFor(config, known.get("control")?.overrides ?? NO_OVERRIDES, at);
    const givesWay = product !== undefined && addressGivesWayFor?.(product) === true;
    const { policiesAt, fieldOf, parts: wanted, countsOrigin } = givesWay ? plan.withoutAddress : plan.all;
    const policies = policiesAt(product?.opensAt, at);
    if (policies.length === 0) return null;
    const { counters, reports } = memoryOf(config, c.env);
    const parts = () => partsOf(subjectOf(known, { place, countsOrigin }), config.ipv6Prefix, wanted);
    return { policies, field: fieldOf(policies), counters, reports, parts };
  };
}

/** @param place where this stage stands: `counts` behind the proof of who the buyer is. */
export function limitBy(place: Place, { addressGivesWayFor, countsAlong }: LimitOptions = {}): Stage {
  const applyTo = appliesAt(place, addressGivesWayFor);

  return function limit(c: Context<AppEnv>, next: Next): Answer {
    const applied = applyTo(c);
    if (applied === null) return next(c);
    const { policies, field, counters, reports } = applied;
    const evaluated = after(applied.parts(), (parts) =>
      evaluate(checksOf(policies, parts, place), counters, riderOf(countsAlong?.(c), parts)),
    );
    return after(evaluated, (evaluation) => {
      reports.count(evaluation.rulings, now());
      reportFailures(evaluation.rulings, c.get("requestId"));
      const refusal = refusalOf(evaluation.rulings, field, place);
      return refusal === null ? letOn(c, next, { counters, evaluation, field }) : refuse(c, refusal);
    });
  };

  /** Lets the request on, and looks at what becomes of it. */
  function letOn(c: Context<AppEnv>, next: Next, { counters, evaluation, field }: Passed): Answer {
    const { rulings, taken } = evaluation;
    async function failed(fault: unknown): Promise<never> {
      await giveBack(taken, counters);
      throw fault;
    }
    function answered(answer: Response): Answer {
      const isOwed = owedOf(c, answer, place);
      if (isOwed === noPolicy) {
        if (field !== undefined) tell(answer, limitField(rulings, place), field);
        return answer;
      }
      // What remains of units that were given back is not told: whether they came back is not known.
      const told = rulings.filter(({ policy }) => !isOwed(policy));
      if (field !== undefined) tell(answer, limitField(told, place), field);
      const owed = taken.filter(({ check }) => isOwed(check.policy));
      return owed.length === 0 ? answer : giveBack(owed, counters).then(() => answer);
    }
    let answer: Answer;
    try {
      answer = next(c);
    } catch (fault) {
      return failed(fault);
    }
    return answer instanceof Promise ? answer.then(answered, failed) : answered(answer);
  }
}

/** A request that no policy stops. */
interface Passed {
  readonly counters: Counters;
  readonly evaluation: Evaluation;
  /** RateLimit-Policy; undefined: it is hidden. */
  readonly field: string | undefined;
}

/** Of which policies an accepted request gets its units back, now that its answer is known. */
function owedOf(c: Context<AppEnv>, { status }: Response, { at }: Place): (policy: Policy) => boolean {
  if (status >= 500) return everyPolicy;
  // Who turned out to have a challenge to solve, also because of how he looks, counts by himself.
  return at === "token" && c.get("countsAlone") === true ? countsAddress : noPolicy;
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

/** Where a stage stands, and whether a policy there counts what only the platform knows. */
interface Looking {
  readonly place: Place;
  readonly countsOrigin: boolean;
}

function subjectOf(c: KnowingContext, { place: { part }, countsOrigin }: Looking): Subject {
  const buyer = c.get("buyer")?.id ?? c.get("token")?.buyerId;
  if (part === "counts" && buyer === undefined)
    throw new Error("Expected a proven buyer before the counts, found none");
  // In production the platform makes `cf` anew for each request that reads it.
  const origin = countsOrigin ? originOf(c.req.raw.cf) : {};
  return { client: c.get("client").key, origin, product: c.req.param("id"), buyer };
}

function checksOf(policies: readonly Policy[], parts: SubjectParts, { at }: Place): readonly Check[] {
  return policies.map((policy) => {
    const kind = ownerOf(policy.key);
    const owner = { kind, part: parts[kind] };
    return { policy, key: keyOf(policy.key, parts), owner, cost: policy.cost[at] };
  });
}

function riderOf(count: AddressCount | null | undefined, { ip }: SubjectParts): Rider | undefined {
  return count === null || count === undefined ? undefined : { ...count, owner: { kind: "ip", part: ip } };
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

/** Adds the fields to the answer, whatever it became; one of each, in the order of the stages. */
function tell({ headers }: Response, field: string, policyField: string): void {
  headers.set("RateLimit-Policy", joinField(policyField, headers.get("RateLimit-Policy")));
  if (field !== "") headers.set("RateLimit", joinField(field, headers.get("RateLimit")));
}

/** One line for each store that failed. */
function reportFailures(rulings: readonly Ruling[], requestId: string): void {
  for (const { policy, failure } of rulings) {
    if (failure !== null) logEvent("warn", "limit-store-failed", { policy: policy.name, reason: failure, requestId });
  }
}
