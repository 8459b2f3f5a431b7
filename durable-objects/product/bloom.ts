/**
 * The bits of a Bloom filter (Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970), of which there is a power of two. Pure.
 *
 * A key's places are a first one and others at equal steps behind it, both by hashes of 32 bits (Kirsch and Mitzenmacher, "Less hashing, same
 * performance", 2006); the step is odd, so that they differ. Neither a hash's sign nor what overflows 32 bits matters, since a place counts modulo the
 * number of bits.
 */

export function addProbes(bits: Uint8Array, first: number, step: number, probes: number): void {
  const mask = maskOf(bits);
  for (let probe = 0, hash = first; probe < probes; probe++, hash = (hash + step) | 0) {
    const bit = hash & mask;
    bits[bit >> 3] = (bits[bit >> 3] ?? 0) | (1 << (bit & 7));
  }
}

/** Whether all of a key's bits are set. False: it was never added. */
export function hasProbes(bits: Uint8Array, first: number, step: number, probes: number): boolean {
  const mask = maskOf(bits);
  for (let probe = 0, hash = first; probe < probes; probe++, hash = (hash + step) | 0) {
    const bit = hash & mask;
    if (((bits[bit >> 3] ?? 0) & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

function maskOf({ length }: Uint8Array): number {
  return length * 8 - 1;
}
