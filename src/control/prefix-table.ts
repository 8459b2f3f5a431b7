/**
 * The longest matching prefix among many networks, in as many look-ups as there are different prefix lengths: at most 25 of
 * IPv4 and 117 of IPv6, however many networks there are. A rule only: no clock.
 */
import { type Network, prefixKey } from "./network.ts";

/** What is looked up ends then, ms since the epoch; Infinity: never. */
type EndsAt = number;

export class PrefixTable {
  readonly #byLength = new Map<number, Map<string, EndsAt>>();
  /** The longest first. */
  #lengths: readonly number[] = [];

  /** Returns whether it is new; one that is there is replaced. */
  put({ parts, length }: Network, endsAt: EndsAt): boolean {
    let table = this.#byLength.get(length);
    if (table === undefined) {
      table = new Map();
      this.#byLength.set(length, table);
      this.#lengths = [...this.#byLength.keys()].toSorted((left, right) => right - left);
    }
    const before = table.size;
    return table.set(prefixKey(parts, length), endsAt).size > before;
  }

  /** Returns whether it was there. */
  remove({ parts, length }: Network): boolean {
    const table = this.#byLength.get(length);
    if (table?.delete(prefixKey(parts, length)) !== true) return false;
    if (table.size === 0) {
      this.#byLength.delete(length);
      this.#lengths = this.#lengths.filter((present) => present !== length);
    }
    return true;
  }

  /** The length of the longest prefix that matches and is in force at `now`; -1 when none does. */
  longest(parts: readonly number[], now: number): number {
    for (const length of this.#lengths) {
      const endsAt = this.#byLength.get(length)?.get(prefixKey(parts, length));
      if (endsAt !== undefined && now < endsAt) return length;
    }
    return -1;
  }
}
