/**
 * Which purchase tokens of a round made an order, small enough to be copied to every edge: a Bloom filter over `jti`.
 *
 * While nothing is available the edge refuses by its copy and calls no object. A buyer whose answer was lost must get
 * through all the same and find the order; the filter says who may be one. It errs on one side only: a spent token is always found,
 * a fresh one is let through to the object now and then (about 1 % at ten bits an order), which then refuses it.
 *
 * The last 64 bits of a `jti` are random, so its own bytes are the hashes.
 */
import { addProbes, hasProbes } from "./bloom.ts";
import type { SpentFilter } from "./protocol.ts";

/** About 1 % of false positives with seven probes. */
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

/** What a base64url character stands for (RFC 4648, section 5), by its code. */
const SIX_BITS = new Uint8Array(128);
for (const [bits, character] of Array.from(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
).entries()) {
  SIX_BITS[character.charCodeAt(0)] = bits;
}

function sixBits(jti: string, index: number): number {
  return SIX_BITS[jti.charCodeAt(index)] ?? 0;
}

/** Bytes 8 to 11 of a `jti`. Read character by character: nearly every request of a sold-out sale asks, and an array of bytes for each costs more. */
function firstProbe(jti: string): number {
  return (
    // Of this one the low two bits; the others fall off.
    (sixBits(jti, 10) << 30) |
    (sixBits(jti, 11) << 24) |
    (sixBits(jti, 12) << 18) |
    (sixBits(jti, 13) << 12) |
    (sixBits(jti, 14) << 6) |
    sixBits(jti, 15)
  );
}

/** Bytes 12 to 15, odd, so that the probes differ. */
function stepOf(jti: string): number {
  return (
    (sixBits(jti, 16) << 26) |
    (sixBits(jti, 17) << 20) |
    (sixBits(jti, 18) << 14) |
    (sixBits(jti, 19) << 8) |
    (sixBits(jti, 20) << 2) |
    (sixBits(jti, 21) >> 4) |
    1
  );
}

export function addSpent({ bits }: SpentFilter, jti: string): void {
  if (JTI_PATTERN.test(jti)) addProbes(bits, firstProbe(jti), stepOf(jti), PROBES);
}

/** False: certainly not spent. True: spent, or one of the few false positives. A malformed `jti` is never spent. */
export function mayBeSpent({ bits }: SpentFilter, jti: string): boolean {
  return JTI_PATTERN.test(jti) && hasProbes(bits, firstProbe(jti), stepOf(jti), PROBES);
}
