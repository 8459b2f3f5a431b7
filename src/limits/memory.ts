/**
 * What an isolate remembers of refusals, so that the stores are spared.
 *
 * It keeps what was left and until when, not a verdict, and only of exact answers: a request is refused from memory only
 * while it certainly would not fit. Bounded; what falls out costs a call to the store and nothing else (T15). It lives and
 * dies with one configuration.
 *
 * Units may come back earlier than a store could know: an accepted request that failed is refunded, perhaps by another
 * isolate. So nothing is refused from memory for longer than `REMEMBERED_MAX_MS` without asking again; this isolate's own
 * refunds are known at once.
 */

/** How long a refund elsewhere may go unseen. A client that hammers costs its store one call per so long. */
const REMEMBERED_MAX_MS = 2000;

export interface Refused {
  /** Units that were left. */
  readonly remaining: number;
  /** Before this nothing comes back, ms since the epoch by the isolate's clock: the earliest that can be true. */
  readonly until: number;
  /** From this on the request fits: the latest that can be true. The difference is the way to the store. */
  readonly retryAt: number;
}

export class RefusalMemory {
  readonly #most: number;
  /** In the order in which they were remembered. */
  readonly #entries = new Map<string, Refused>();

  /** @param most entries; 0 remembers nothing. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What is remembered against a request of `cost` units, or undefined when it may fit. */
  recall(id: string, cost: number, now: number): Refused | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    if (now >= entry.until) {
      this.#entries.delete(id);
      return undefined;
    }
    return cost > entry.remaining ? entry : undefined;
  }

  remember(id: string, entry: Refused, now: number): void {
    if (this.#most === 0) return;
    this.#entries.delete(id);
    if (this.#entries.size >= this.#most) this.#forgetOldest();
    this.#entries.set(id, { ...entry, until: Math.min(entry.until, now + REMEMBERED_MAX_MS) });
  }

  /** Something came back. */
  forget(id: string): void {
    this.#entries.delete(id);
  }

  #forgetOldest(): void {
    for (const id of this.#entries.keys()) {
      this.#entries.delete(id);
      return;
    }
  }
}
