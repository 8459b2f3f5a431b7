/**
 * The counts that an object has at hand: the truth while it lives, written to the table behind its back.
 *
 * A count is read from the table when it is first asked for, and stays until room is needed; what was used longest ago goes
 * first, and never before it is written. Bounded by keys and by times, so that a flood of keys costs a read and a write
 * each, and no memory (T15). This class decides nothing and knows no transaction: the object writes.
 */
import type { Count } from "./count.ts";
import type { CountKey } from "./count-table.ts";

export interface CountsOptions {
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

  constructor(options: CountsOptions) {
    this.#options = options;
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

  #open({ policy, algorithm, key }: CountKey): Entry {
    const id = `${policy} ${algorithm} ${key}`;
    const known = this.#entries.get(id);
    if (known !== undefined) {
      this.#entries.delete(id);
      this.#entries.set(id, known);
      return known;
    }
    this.#makeRoom();
    const whole = { policy, algorithm, key };
    const entry = { key: whole, count: this.#options.read(whole), endsAt: 0 };
    this.#entries.set(id, entry);
    this.#times += entry.count.length;
    return entry;
  }

  #makeRoom(): void {
    const { maxKeys, maxTimes, write } = this.#options;
    for (const [id, entry] of this.#entries) {
      if (this.#entries.size < maxKeys && this.#times < maxTimes) return;
      if (this.#changed.has(entry)) write();
      this.#entries.delete(id);
      this.#times -= entry.count.length;
    }
  }
}
