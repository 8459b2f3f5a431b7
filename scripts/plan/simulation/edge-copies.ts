/**
 * The isolates' copies of the product, as src/sale/product-copies.ts keeps them: fetched anew at half their age behind a
 * request's back, at once when they are too old or known to be outdated. They only refuse.
 */
import type { View } from "./product.ts";

export type EdgeDecision = "ask" | "held-out" | "sold-out";

/** What a request does about the copy that it meets. */
export type Freshness = "fresh" | "refresh" | "too-old";

const NEVER = Number.NEGATIVE_INFINITY;

export class EdgeCopies {
  readonly #maxAgeMs: number;
  readonly #fetchedAt: Float64Array;
  readonly #refreshing: Uint8Array;
  readonly #outdated: Uint8Array;
  readonly #views: (View | undefined)[];
  /** Copies that would let a request through. */
  #open = 0;

  constructor(copies: number, maxAgeMs: number) {
    this.#maxAgeMs = maxAgeMs;
    this.#fetchedAt = new Float64Array(copies).fill(NEVER);
    this.#refreshing = new Uint8Array(copies);
    this.#outdated = new Uint8Array(copies);
    this.#views = Array.from({ length: copies });
  }

  get size(): number {
    return this.#views.length;
  }

  /** The share of copies that say that there is something to be had. */
  get openShare(): number {
    return this.#open / this.size;
  }

  /** A request meets the copy; `refresh` and `too-old` are told to one request each. */
  meet(copy: number, now: number): Freshness {
    const age = now - (this.#fetchedAt[copy] ?? NEVER);
    const view = this.#views[copy];
    const isOver = view !== undefined && view.available === 0 && view.held > 0 && view.nextReleaseAt <= now;
    if (age >= this.#maxAgeMs || isOver || this.#outdated[copy] === 1) {
      this.#outdated[copy] = 0;
      return "too-old";
    }
    if (age < this.#maxAgeMs / 2 || this.#refreshing[copy] === 1) return "fresh";
    this.#refreshing[copy] = 1;
    return "refresh";
  }

  /** When a copy may be fetched anew behind a request's back. */
  refreshableAt(copy: number): number {
    return (this.#fetchedAt[copy] ?? NEVER) + this.#maxAgeMs / 2;
  }

  keep(copy: number, view: View, askedAt: number): void {
    this.#open += Number(view.available > 0) - Number((this.#views[copy]?.available ?? 0) > 0);
    this.#views[copy] = view;
    this.#fetchedAt[copy] = askedAt;
    this.#refreshing[copy] = 0;
  }

  /** The object said otherwise: the next request asks. */
  forget(copy: number): void {
    this.#outdated[copy] = 1;
  }

  decide(copy: number, now: number): EdgeDecision {
    const view = this.#views[copy];
    if (view === undefined || view.available > 0) return "ask";
    if (view.held === 0) return "sold-out";
    return view.nextReleaseAt > now ? "held-out" : "ask";
  }
}
