/**
 * What an isolate remembers of refusals, so that the stores are spared.
 *
 * It keeps what was left and until when, not a verdict, and only of exact answers: a request is refused from memory only
 * while it certainly would not fit. Bounded; what falls out costs a call to the store and nothing else (T15). It lives and
 * dies with one configuration.
 *
 * Units may come back earlier than a store could know: an accepted request that failed is refunded, perhaps by another
 * isolate. So after `ASK_AGAIN_MS` the store is asked again; this isolate's own refunds are known at once.
 */

/** How long a refund elsewhere may go unseen. */
const ASK_AGAIN_MS = 2000;
/** How long one who asks again is waited for before somebody else may: as long as a store's answer may take. */
const ASKING_MS = 500;

export interface Refused {
  /** Units that were left. */
  readonly remaining: number;
  /** Before this nothing comes back, ms since the epoch by the isolate's clock: the earliest that can be true. */
  readonly until: number;
  /** From this on the request fits: the latest that can be true. The difference is the way to the store. */
  readonly retryAt: number;
}

interface Entry {
  readonly refused: Refused;
  /** From this on the store is to be asked, ms since the epoch. */
  readonly oldAt: number;
  /** Until then nobody else need ask, since somebody does. */
  askingUntil: number;
}

export class RefusalMemory {
  readonly #most: number;
  /** In the order in which they were remembered. */
  readonly #entries = new Map<string, Entry>();

  /** @param most entries; 0 remembers nothing. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** What is remembered against a request of `cost` units, or undefined when it may fit, or when the store is to be asked again. */
  recall(id: string, cost: number, now: number): Refused | undefined {
    const entry = this.#find(id, cost, now);
    return entry === undefined || now >= entry.oldAt ? undefined : entry.refused;
  }

  /**
   * The same for those who come before the stage that asks: of all who come when the store is to be asked again one hears nothing, and
   * goes on to ask; the others hear meanwhile what is remembered. Who hammers then costs the store one call each `ASK_AGAIN_MS`, and
   * not one for each of his requests that are on their way at that moment.
   */
  recallUnlessAsking(id: string, cost: number, now: number): Refused | undefined {
    const entry = this.#find(id, cost, now);
    if (entry === undefined) return undefined;
    if (now < entry.oldAt || now < entry.askingUntil) return entry.refused;
    entry.askingUntil = now + ASKING_MS;
    return undefined;
  }

  #find(id: string, cost: number, now: number): Entry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    if (now < entry.refused.until) return cost > entry.refused.remaining ? entry : undefined;
    this.#entries.delete(id);
    return undefined;
  }

  remember(id: string, refused: Refused, now: number): void {
    if (this.#most === 0) return;
    this.#entries.delete(id);
    if (this.#entries.size >= this.#most) this.#forgetOldest();
    this.#entries.set(id, { refused, oldAt: now + ASK_AGAIN_MS, askingUntil: 0 });
  }

  /** A request of `cost` units fitted after all. */
  noteFit(id: string, cost: number): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined && cost > entry.refused.remaining) this.#entries.delete(id);
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
