/**
 * The counts that an object has at hand: the truth while it lives, written to the table behind its back.
 *
 * While everything that the table has is at hand as well, a key that is not is one never seen, and nothing is read: in a
 * rush nearly every key is new. Otherwise a count is read when it is first asked for. It stays until room is needed; what was
 * used longest ago goes first, and never before it is written. Bounded by keys and by times, so that a flood of keys costs a read and a write
 * each, and no memory (T15). This class decides nothing and knows no transaction: the object writes.
 */
import type { Count } from "./count.ts";
import type { CountKey } from "./count-table.ts";

export interface CountsOptions {
  /** All that the table has; null: too much to have at hand. */
  readonly stored: Iterable<readonly [CountKey, Count]> | null;
  readonly read: (key: CountKey) => Count;
  /** Writes everything that `changes()` has, and says so by `written()`. */
  readonly write: () => void;
  readonly maxKeys: number;
  /** Times of all keys together. */
  readonly maxTimes: number;
}

interface Entry {
  readonly key: CountKey;
  count: Count;
  endsAt: number;
}

export class CountsInMemory {
  readonly #options: CountsOptions;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  readonly #changed = new Set<Entry>();
  #times = 0;
  /** Whether the table has nothing that is not at hand. */
  #isComplete: boolean;

  constructor(options: CountsOptions) {
    this.#options = options;
    this.#isComplete = options.stored !== null;
    for (const [key, count] of options.stored ?? []) this.#keep(key, count);
  }

  get size(): number {
    return this.#entries.size;
  }

  get changes(): ReadonlySet<Readonly<Entry>> {
    return this.#changed;
  }

  get(key: CountKey): Count {
    return this.#open(key).count;
  }

  /** @param endsAt when the key is as one never seen, ms since the epoch. */
  set(key: CountKey, count: Count, endsAt: number): void {
    const entry = this.#open(key);
    this.#times += count.length - entry.count.length;
    entry.count = count;
    entry.endsAt = endsAt;
    this.#changed.add(entry);
  }

  written(): void {
    this.#changed.clear();
  }

  #open(key: CountKey): Entry {
    const id = idOf(key);
    const known = this.#entries.get(id);
    if (known !== undefined) {
      this.#entries.delete(id);
      this.#entries.set(id, known);
      return known;
    }
    this.#makeRoom();
    return this.#keep(key, this.#isComplete ? [] : this.#options.read(key));
  }

  #keep({ policy, algorithm, key }: CountKey, count: Count): Entry {
    const entry = { key: { policy, algorithm, key }, count, endsAt: 0 };
    this.#entries.set(idOf(entry.key), entry);
    this.#times += count.length;
    return entry;
  }

  #makeRoom(): void {
    const { maxKeys, maxTimes, write } = this.#options;
    for (const [id, entry] of this.#entries) {
      if (this.#entries.size < maxKeys && this.#times < maxTimes) return;
      if (this.#changed.has(entry)) write();
      this.#entries.delete(id);
      this.#times -= entry.count.length;
      this.#isComplete = false;
    }
  }
}

function idOf({ policy, algorithm, key }: CountKey): string {
  return `${policy} ${algorithm} ${key}`;
}
