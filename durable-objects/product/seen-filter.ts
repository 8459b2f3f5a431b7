/**
 * Texts that were seen before, or certainly were not: a Bloom filter. What was added is always found; how much of the rest is found too, follows
 * from how full it is.
 *
 * Its places come from one hash of 32 bits: two texts of the same hash are one to it, which among some millions adds less than a thousandth.
 */
import { fnv1a, mixed } from "../../src/fnv1a.ts";
import { addProbes, hasProbes } from "./bloom.ts";

const PROBES = 4;

export class SeenFilter {
  readonly #bits: Uint8Array;

  /** @param bytes a power of two. */
  constructor(bytes: number) {
    this.#bits = new Uint8Array(bytes);
  }

  add(text: string): void {
    const hash = fnv1a(text);
    addProbes(this.#bits, mixed(hash), stepOf(hash), PROBES);
  }

  /** False: it was never added. */
  mayHave(text: string): boolean {
    const hash = fnv1a(text);
    return hasProbes(this.#bits, mixed(hash), stepOf(hash), PROBES);
  }
}

/** Odd, so that the probes differ. */
function stepOf(hash: number): number {
  return mixed(~hash) | 1;
}
