/**
 * The exact store: limiter objects, sharded by the owner of a key.
 *
 * All that is counted for one address is in one object, and all for one buyer in another, so that such policies are decided
 * in one step: a request that one of them refuses takes nothing of the others. Only what is counted for a product, a
 * network or a country alone lives apart from these. What risk counts for an address rides along (`rider.ts`). Policies of
 * one request whose keys live in different objects are asked at the same time; if one object refuses, what the others took
 * is given back by a second call to each. The bound, then: for the time of two calls a refused request may stand in
 * another's way; if the second call fails, until its window ends.
 */
import * as v from "valibot";
import type { CheckAnswer, TakeCheck, Taken as ObjectTaken } from "../../durable-objects/limiter/protocol.ts";
import { fnv1a, mixed } from "../fnv1a.ts";
import type { Rider } from "./rider.ts";
import {
  allWithinBudget,
  type Called,
  type Check,
  type Store,
  type StoreAnswer,
  type Taken,
  usedOf,
  withinBudget,
} from "./store.ts";

/** What this module needs of a namespace of limiter objects; what they answer is checked. */
export interface LimiterNamespace {
  getByName(name: string): {
    take(checks: readonly TakeCheck[]): Promise<unknown>;
    giveBack(taken: readonly ObjectTaken[]): Promise<unknown>;
  };
}

export interface ExactOptions {
  /** Objects per kind of owner; 1: one for all kinds. */
  readonly shards: number;
  /** Of one call, with its retry, in ms. */
  readonly budgetMs: number;
}

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Ms = v.pipe(v.number(), v.minValue(0));

/** A stub's answer crossed a process: another version of the object may have given it. */
const Answer = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    taken: v.boolean(),
    answers: v.array(v.object({ allowed: v.boolean(), remaining: Count, waitMs: Ms, takenAt: v.nullable(Ms) })),
  }),
);

export function exactStore(namespace: LimiterNamespace, { shards, budgetMs }: ExactOptions): Store {
  return {
    async take(checks, rider) {
      const calls = callsOf(checks, rider, shards);
      const called = await allWithinBudget(
        calls.map((call) => takeWithRetry(namespace, call)),
        budgetMs,
      );
      const answers = new Map<Check, StoreAnswer>();
      calls.forEach((call, index) => {
        readAnswers(call, called[index] ?? NOT_CALLED).forEach((answer, at) => {
          const check = call.checks[at];
          if (check !== undefined) answers.set(check, answer);
        });
      });
      return checks.map((check) => answers.get(check) ?? GARBAGE);
    },

    async giveBack(taken) {
      const byObject = Map.groupBy(taken, ({ check }) => objectNameOf(check.owner, shards));
      await Promise.all(
        Array.from(byObject, ([name, group]) =>
          // Not sent again: nobody knows whether a lost call took effect, and a second one would take somebody else's unit.
          withinBudget(() => namespace.getByName(name).giveBack(group.map(objectTakenOf)), budgetMs),
        ),
      );
    },
  };
}

/**
 * Kinds apart, so that a flood of addresses is not in the way of buyers. A single shard is one object for all: one call then
 * decides everything, and what one object takes bounds what the gateway can count.
 */
export function objectNameOf({ kind, part }: Check["owner"], shards: number): string {
  return shards === 1 ? "limiter" : `limiter-${kind}-${hash(part) % shards}`;
}

const GARBAGE: StoreAnswer = { outcome: "failed", reason: "garbage" };
const NOT_CALLED: Called<unknown> = { failed: "garbage" };

/** What one object is asked. */
interface Call {
  readonly name: string;
  readonly checks: readonly Check[];
  readonly rider: Rider | undefined;
}

function callsOf(checks: readonly Check[], rider: Rider | undefined, shards: number): readonly Call[] {
  const ridesTo = rider === undefined ? null : objectNameOf(rider.owner, shards);
  return Array.from(
    Map.groupBy(checks, ({ owner }) => objectNameOf(owner, shards)),
    ([name, group]) => ({ name, checks: group, rider: name === ridesTo ? rider : undefined }),
  );
}

/** An answer for each check of a call. */
function readAnswers({ checks, rider }: Call, called: Called<unknown>): readonly StoreAnswer[] {
  if ("failed" in called) {
    rider?.tell(null);
    return checks.map(() => ({ outcome: "failed", reason: called.failed }));
  }
  const read = v.safeParse(Answer, called.value);
  if (!read.success || read.output.answers.length !== checks.length + (rider?.checks.length ?? 0)) {
    rider?.tell(null);
    return checks.map(() => GARBAGE);
  }
  const { taken, answers } = read.output;
  // Where a limit refuses nothing is taken, and nobody asks for the rider.
  if (taken) rider?.tell(answers.slice(checks.length));
  return checks.map((check, index) => {
    const answer = answers[index];
    return answer === undefined ? GARBAGE : storeAnswerOf(answer, check);
  });
}

function storeAnswerOf({ allowed, remaining, waitMs, takenAt }: CheckAnswer, { policy }: Check): StoreAnswer {
  if (!allowed) return { outcome: "refused", retryMs: waitMs, exact: true };
  return { outcome: "fits", remaining, resetMs: waitMs, used: usedOf(policy, remaining), receipt: takenAt };
}

/**
 * Once more, through a fresh stub, where the platform says that this may help: an object that moves or is updated throws
 * `retryable`. Never when it is overloaded. The lost call may have counted: then the request takes two units, not none.
 * https://developers.cloudflare.com/durable-objects/best-practices/error-handling/
 */
async function takeWithRetry(namespace: LimiterNamespace, { name, checks, rider }: Call): Promise<unknown> {
  const own = checks.map(takeCheckOf);
  const asked = rider === undefined ? own : [...own, ...rider.checks];
  try {
    return await namespace.getByName(name).take(asked);
  } catch (fault) {
    if (!isRetryable(fault)) throw fault;
    return namespace.getByName(name).take(asked);
  }
}

function isRetryable(fault: unknown): boolean {
  if (!(fault instanceof Error)) return false;
  const { retryable, overloaded } = fault as Error & { retryable?: unknown; overloaded?: unknown };
  return retryable === true && overloaded !== true;
}

function takeCheckOf({ policy, key, cost }: Check): TakeCheck {
  const { name, limit, burst, windowSeconds, mode, store } = policy;
  const algorithm = store.kind === "exact" ? store.algorithm : "sliding-log";
  return {
    policy: name,
    algorithm,
    key,
    limit,
    burst,
    windowMs: windowSeconds * 1000,
    cost,
    shadow: mode === "shadow",
  };
}

function objectTakenOf({ check, receipt }: Taken): ObjectTaken {
  return { check: takeCheckOf(check), takenAt: receipt };
}

/**
 * FNV-1a with murmur3's last mixing: the same everywhere and for ever, since it says where a count is. Who chooses many
 * addresses can choose their shard, and finds its own limits there.
 */
function hash(text: string): number {
  return mixed(fnv1a(text));
}
