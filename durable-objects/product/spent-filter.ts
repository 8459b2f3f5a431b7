/**
 * Which purchase tokens of a round made an order, small enough to be copied to every edge: a Bloom filter over `jti`.
 *
 * While nothing is available the edge refuses by its copy and calls no object. A buyer whose answer was lost must get
 * through all the same and find the order; the filter says who may be one. It errs on one side only: a spent token is always found,
 * a fresh one is let through to the object now and then (about 1 % at ten bits an order), which then refuses it.
 *
 * The last 64 bits of a `jti` are random, so its own bytes are the hashes (Kirsch and Mitzenmacher, "Less hashing, same performance", 2006).
 */
import type { SpentFilter } from "./protocol.ts";

/** About 1 % of false positives with seven probes (Bloom, 1970). */
const BITS_PER_ORDER = 10;
const PROBES = 7;
/** The filter is fetched about twice a second by every isolate: beyond this size it grows less exact, not larger. */
const MAX_BYTES = 65_536;
const MIN_BYTES = 128;

/** A `jti` is 16 bytes, base64url without padding. */
const JTI_PATTERN = /^[A-Za-z0-9_-]{22}$/;

export function makeSpentFilter(orders: number): SpentFilter {
  let bytes = MIN_BYTES;
  while (bytes < MAX_BYTES && bytes * 8 < orders * BITS_PER_ORDER) bytes *= 2;
  return { bits: new Uint8Array(bytes) };
}

/** How many orders the filter takes before it gets less exact. */
export function filterCapacity(filter: SpentFilter): number {
  return filter.bits.length >= MAX_BYTES
    ? Number.POSITIVE_INFINITY
    : Math.floor((filter.bits.length * 8) / BITS_PER_ORDER);
}

/** A filter that takes every token for spent. */
export function makeFullFilter(): SpentFilter {
  return { bits: new Uint8Array(MIN_BYTES).fill(0xff) };
}

function* probes(jti: string, bitCount: number): Generator<number> {
  const bytes = Uint8Array.fromBase64(jti, { alphabet: "base64url" });
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const first = view.getUint32(8);
  // Odd, so that the probes differ; unsigned again after the bitwise step.
  const step = (view.getUint32(12) | 1) >>> 0;
  for (let probe = 0; probe < PROBES; probe++) yield (first + probe * step) % bitCount;
}

export function addSpent(filter: SpentFilter, jti: string): void {
  if (!JTI_PATTERN.test(jti)) return;
  for (const bit of probes(jti, filter.bits.length * 8)) {
    filter.bits[bit >> 3] = (filter.bits[bit >> 3] ?? 0) | (1 << (bit & 7));
  }
}

/** False: certainly not spent. True: spent, or one of the few false positives. A malformed `jti` is never spent. */
export function mayBeSpent(filter: SpentFilter, jti: string): boolean {
  if (!JTI_PATTERN.test(jti)) return false;
  for (const bit of probes(jti, filter.bits.length * 8)) {
    if (((filter.bits[bit >> 3] ?? 0) & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}
