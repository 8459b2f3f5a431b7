/**
 * Texts that were seen before, or certainly were not: a Bloom filter (Bloom, "Space/time trade-offs in hash coding with allowable errors",
 * 1970). What was added is always found; how much of the rest is found too, follows from how full it is.
 *
 * Its probes come from one hash of 32 bits (Kirsch and Mitzenmacher, "Less hashing, same performance", 2006): two texts of the same hash are
 * one to it, which among some millions adds less than a thousandth.
 */
import { fnv1a } from "../../src/fnv1a.ts";

const PROBES = 4;

export class SeenFilter {
  readonly #words: Int32Array;
  /** A bit's place modulo the number of bits, which is a power of two: neither a hash's sign nor what overflows 32 bits matters. */
  readonly #mask: number;

  /** @param bytes a power of two, at least 4. */
  constructor(bytes: number) {
    this.#words = new Int32Array(bytes / 4);
    this.#mask = bytes * 8 - 1;
  }

  add(text: string): void {
    const hash = fnv1a(text);
    const step = stepOf(hash);
    for (let probe = 0, at = mixed(hash); probe < PROBES; probe++, at = (at + step) | 0) {
      const bit = at & this.#mask;
      this.#words[bit >> 5] = (this.#words[bit >> 5] ?? 0) | (1 << (bit & 31));
    }
  }

  /** False: it was never added. */
  mayHave(text: string): boolean {
    const hash = fnv1a(text);
    const step = stepOf(hash);
    for (let probe = 0, at = mixed(hash); probe < PROBES; probe++, at = (at + step) | 0) {
      const bit = at & this.#mask;
      if (((this.#words[bit >> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

/** Spreads a hash over all its bits: the finalizer of MurmurHash3 (https://github.com/aappleby/smhasher, public domain). */
function mixed(hash: number): number {
  let spread = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  spread = Math.imul(spread ^ (spread >>> 13), 0xc2b2ae35);
  return spread ^ (spread >>> 16);
}

/** Odd, so that the probes differ. */
function stepOf(hash: number): number {
  return mixed(~hash) | 1;
}
