/** What happened in a simulated sale, counted: in all, and for each second since the opening. */
import type { RequestKind } from "../costs.ts";

/** Requests that run the Worker, by what becomes of them. A cancellation costs what a payment does. */
export const WORKER_REQUESTS = [
  "timeRead",
  "productRead",
  "refusalAtEdge",
  "checkoutRefused",
  "challengeIssue",
  "tokenIssue",
  "tokenSolved",
  "hold",
  "payment",
  "cancel",
  "orderRead",
] as const satisfies readonly (RequestKind | "cancel")[];

/** Calls that product objects get. */
export const PRODUCT_CALLS = [
  "holdCall",
  "viewCall",
  "orderCall",
  "payCall",
  "cancelCall",
  "acknowledgeCall",
  "alarmCall",
] as const;

export const LIMITER_CALLS = ["clientTake", "buyerTake", "accountsTake", "challengeTake"] as const;

/** Requests that reach the Worker; calls that reach objects; events, messages and batches on their way to Postgres. */
export const COUNTED = [
  ...WORKER_REQUESTS,
  ...PRODUCT_CALLS,
  "commits",
  // Of which so many changed something.
  "changingCommits",
  ...LIMITER_CALLS,
  "snapshotCall",
  // The way to Postgres.
  "events",
  "messages",
  "batches",
  "transactions",
  // What buyers got.
  "held",
  "refusedByObject",
  "overloaded",
  "limiterUnavailable",
  "paid",
  "cancelled",
  "expired",
  "refundDue",
] as const;
export type Counted = (typeof COUNTED)[number];

/** By number rather than by name: a large sale counts some ten million times. */
const PLACES: Readonly<Record<Counted, number>> = Object.fromEntries(
  COUNTED.map((what, place) => [what, place]),
) as Record<Counted, number>;

export class Tally {
  readonly #totals = new Float64Array(COUNTED.length);
  readonly #seconds: readonly number[][] = COUNTED.map(() => []);

  /** @param at milliseconds since the opening; before it counts in all, and in no second. */
  add(what: Counted, at: number, count = 1): void {
    const place = PLACES[what];
    this.#totals[place] = (this.#totals[place] ?? 0) + count;
    const seconds = this.#seconds[place];
    if (at < 0 || seconds === undefined) return;
    const second = Math.floor(at / 1000);
    while (seconds.length <= second) seconds.push(0);
    seconds[second] = (seconds[second] ?? 0) + count;
  }

  of(what: Counted): number {
    return this.#totals[PLACES[what]] ?? 0;
  }

  sum(whats: readonly Counted[]): number {
    return whats.reduce((sum, what) => sum + this.of(what), 0);
  }

  /** The second with the most of these together: how many, when, and of what. */
  peak(whats: readonly Counted[]): Peak {
    const length = Math.max(0, ...whats.map((what) => this.#seconds[PLACES[what]]?.length ?? 0));
    let best = { perSecond: 0, second: 0 };
    for (let second = 0; second < length; second++) {
      const perSecond = whats.reduce((sum, what) => sum + this.#at(what, second), 0);
      if (perSecond > best.perSecond) best = { perSecond, second };
    }
    const parts = Object.fromEntries(whats.map((what) => [what, this.#at(what, best.second)]));
    return { ...best, parts };
  }

  #at(what: Counted, second: number): number {
    return this.#seconds[PLACES[what]]?.[second] ?? 0;
  }
}

export interface Peak {
  readonly perSecond: number;
  /** Since the opening. */
  readonly second: number;
  readonly parts: Readonly<Partial<Record<Counted, number>>>;
}

/** Percentiles by the nearest rank; zeros where there is nothing. */
export function percentiles(values: readonly number[]): { p50: number; p95: number; p99: number } {
  const sorted = Float64Array.from(values).toSorted();
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
