/**
 * What an isolate remembers of counted accounts, so that a buyer who asks again and again costs no call each time. Bounded.
 *
 * A buyer who was counted is not counted twice, so that for some seconds his last count may stand in for a new one: it is
 * older by `COUNT_KEPT_MS` at most, and nobody is missing from the object's count because of it. Of a client whose count is full it
 * is known until when nobody new fits: until then every buyer's count is the same, and no call is made. That spares the object of
 * a fingerprint which half of a crowd shares.
 */

/** How much older a remembered count may be: shorter than an operator looks away, longer than a page's retries. */
export const COUNT_KEPT_MS = 5000;
/** Counts remembered, of some 300 bytes each: 3 MB of an isolate's 128. Beyond that the oldest is forgotten, and asked for again. */
const COUNTS_MAX = 10_000;
/** Full clients remembered. There are few: a count of a thousand accounts each. */
const FULL_MAX = 1000;

/** What accounts are counted by. */
export interface AccountSource {
  readonly kind: "address" | "fingerprint";
  readonly value: string;
}

export interface AccountCount {
  readonly accounts: number;
  /** For so many ms the count stays as it is, whoever comes: it is full. 0: it is not. */
  readonly fullForMs: number;
}

interface Kept {
  readonly accounts: number;
  readonly until: number;
}

export class AccountMemory {
  readonly #byBuyer = new Map<string, Kept>();
  readonly #full = new Map<string, Kept>();
  readonly #keptMs: number;

  /** @param windowMs of the count: a remembered one never outlives it. */
  constructor(windowMs: number) {
    this.#keptMs = Math.min(COUNT_KEPT_MS, windowMs);
  }

  get size(): number {
    return this.#byBuyer.size + this.#full.size;
  }

  recall(source: AccountSource, buyerId: string, now: number): number | undefined {
    const client = keyOf(source);
    return inForce(this.#full, client, now) ?? inForce(this.#byBuyer, client + buyerId, now);
  }

  /** @param askedAt when the question was sent: the object's answer is no older. */
  remember(source: AccountSource, buyerId: string, count: AccountCount, askedAt: number): void {
    const { accounts, fullForMs } = count;
    if (fullForMs > 0) {
      keep(this.#full, keyOf(source), { accounts, until: askedAt + fullForMs }, FULL_MAX);
    } else {
      const until = askedAt + this.#keptMs;
      keep(this.#byBuyer, keyOf(source) + buyerId, { accounts, until }, COUNTS_MAX);
    }
  }
}

/** With its length, so that whatever follows it cannot pass for a part of it. */
function keyOf({ kind, value }: AccountSource): string {
  return `${kind} ${value.length} ${value} `;
}

function inForce(map: Map<string, Kept>, key: string, now: number): number | undefined {
  const kept = map.get(key);
  if (kept === undefined) return undefined;
  if (now < kept.until) return kept.accounts;
  map.delete(key);
  return undefined;
}

function keep(map: Map<string, Kept>, key: string, kept: Kept, most: number): void {
  map.delete(key);
  map.set(key, kept);
  const oldest = map.keys().next();
  if (map.size > most && oldest.done === false) map.delete(oldest.value);
}
