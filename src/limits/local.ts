/**
 * The budgets of `on_failure = "local"`: while a policy's store fails, every isolate counts a reduced limit by itself.
 *
 * It is no exact limit (isolates are many, and forget), but a flood does not pass and people do. Bounded (T15): when all
 * budgets are in use, a further key gets none rather than everyone's budget beginning anew.
 */
import { decideSlidingLog, type SlidingLog } from "../../durable-objects/limiter/sliding-log.ts";

/** All logs of a policy together: 100,000 times of 8 bytes. */
const UNITS_MAX = 100_000;

export interface LocalRule {
  /** The most of it, whatever the moment. */
  readonly limit: number;
  readonly windowMs: number;
}

export type LocalAnswer =
  | { readonly outcome: "fits" }
  | { readonly outcome: "refused"; readonly retryMs: number }
  | { readonly outcome: "full" };

/** The budgets of one policy, so that they end in the order in which they were last taken of. */
export class LocalBudgets {
  readonly #rule: LocalRule;
  readonly #most: number;
  readonly #logs = new Map<string, SlidingLog>();

  constructor(rule: LocalRule) {
    this.#rule = rule;
    this.#most = Math.floor(UNITS_MAX / rule.limit);
  }

  get size(): number {
    return this.#logs.size;
  }

  /** @param limit of this moment, where it is below the rule's: a phase's or an override's. */
  take(key: string, cost: number, limit: number, now: number): LocalAnswer {
    const log = this.#logs.get(key);
    if (log === undefined && !this.#makeRoom(now)) return { outcome: "full" };
    const decision = decideSlidingLog(log ?? [], { ...this.#rule, limit, cost, now });
    if (!decision.allowed) return { outcome: "refused", retryMs: decision.waitMs };
    this.#logs.delete(key);
    this.#logs.set(key, decision.log);
    return { outcome: "fits" };
  }

  /** Lets go of ended budgets, oldest first; whether there is room for one more. */
  #makeRoom(now: number): boolean {
    for (const [key, log] of this.#logs) {
      if ((log.at(-1) ?? now) + this.#rule.windowMs > now) break;
      this.#logs.delete(key);
    }
    return this.#logs.size < this.#most;
  }
}
