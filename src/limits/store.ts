/** What the stage asks of a store that counts, and the time it gives it. */
import type { Soon } from "../soon.ts";
import type { Policy } from "./policy.ts";
import type { Rider } from "./rider.ts";

/** One policy, applied to one request. */
export interface Check {
  /** As it is at this moment; see `effective-policy.ts`. */
  readonly policy: Policy;
  /** Whom it counts; see `key.ts`. */
  readonly key: string;
  /** The part of the key that places it; every key of the same owner is counted in the same place. */
  readonly owner: { readonly kind: string; readonly part: string };
  /** Units that the request takes. */
  readonly cost: number;
}

/** Durations in ms. Null: the store cannot tell. */
export type StoreAnswer =
  | {
      readonly outcome: "fits";
      readonly remaining: number | null;
      readonly resetMs: number | null;
      /** The share of the quota that is used up, 0 to 1, where the store knows at least its own. */
      readonly used: number | null;
      /** What `giveBack()` needs, ms since the epoch; null where nothing was taken, or where it cannot be given back. */
      readonly receipt: number | null;
    }
  /** `retryMs`: until the same request would fit; exact where `exact`, otherwise an upper bound. */
  | { readonly outcome: "refused"; readonly retryMs: number; readonly exact: boolean }
  /** Nobody knows whether it was counted. `reason` is for the operator's log. */
  | { readonly outcome: "failed"; readonly reason: string };

/** What a request took of one policy. */
export interface Taken {
  readonly check: Check;
  readonly receipt: number;
}

export interface Store {
  /**
   * Counts one request against each, and answers each, in their order. Never throws, never outlasts its time budget.
   *
   * @param rider taken along by the exact store, in the call to its address's object if there is one.
   */
  take(checks: readonly Check[], rider?: Rider): Soon<readonly StoreAnswer[]>;
  /**
   * Gives back, once, what a request took that came to nothing. Never more than was taken, never throws, never outlasts the
   * time budget; where the store cannot be reached the units stay counted.
   */
  giveBack(taken: readonly Taken[]): Soon<void>;
}

/**
 * A check, identified within an isolate: a policy's name has no blank. With the limit, because what is remembered of one
 * limit says nothing about another.
 */
export function idOf({ policy, key }: Check): string {
  return `${policy.name} ${policy.limit} ${key}`;
}

/** The share of a policy's quota that is used when so much of it is left. */
export function usedOf({ burst }: Policy, remaining: number): number {
  return (burst - remaining) / burst;
}

/** What a call gave; `failed`: why it gave nothing. */
export type Called<Value> = { readonly value: Value } | { readonly failed: string };

/**
 * What a call to a store gives, or `failed` when it takes longer than the budget or throws. A call that is too late is
 * abandoned, not undone: what it counted stays counted.
 */
export async function withinBudget<Value>(call: () => Promise<Value>, budgetMs: number): Promise<Called<Value>> {
  // Async, so that what it throws at once is a failure like any other.
  const started = async (): Promise<Value> => call();
  const [called] = await allWithinBudget([started()], budgetMs);
  return called ?? { failed: "timeout" };
}

/** The same for calls that are under way at the same time: one clock for all, and each is as it is when the time is over. */
export function allWithinBudget<Value>(
  calls: readonly Promise<Value>[],
  budgetMs: number,
): Promise<readonly Called<Value>[]> {
  const called: Called<Value>[] = calls.map(() => ({ failed: "timeout" }));
  let left = calls.length;
  return new Promise((resolve) => {
    function end(): void {
      clearTimeout(timer);
      resolve([...called]);
    }
    function note(index: number, outcome: Called<Value>): void {
      called[index] = outcome;
      left -= 1;
      if (left === 0) end();
    }
    const timer = setTimeout(end, left === 0 ? 0 : budgetMs);
    calls.forEach((call, index) => {
      call.then(
        (value) => note(index, { value }),
        (fault: unknown) => note(index, { failed: fault instanceof Error ? fault.name : "thrown" }),
      );
    });
  });
}
