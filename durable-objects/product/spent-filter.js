/** About 1 % of false positives with seven probes (Bloom, 1970). */
const BITS_PER_ORDER = 10;
const PROBES = 7;
/** The filter is fetched about twice a second by every isolate: beyond this size it grows less exact, not larger. */
const MAX_BYTES = 65536;
const MIN_BYTES = 128;
/** A `jti` is 16 bytes, base64url without padding. */
const JTI_PATTERN = /^[A-Za-z0-9_-]{22}$/;
export function makeSpentFilter(orders) {
    let bytes = MIN_BYTES;
    while (bytes < MAX_BYTES && bytes * 8 < orders * BITS_PER_ORDER)
        bytes *= 2;
    return { bits: new Uint8Array(bytes) };
}
/** How many orders the filter takes before it gets less exact. */
export function filterCapacity(filter) {
    return filter.bits.length >= MAX_BYTES
        ? Number.POSITIVE_INFINITY
        : Math.floor((filter.bits.length * 8) / BITS_PER_ORDER);
}
function* probes(jti, bitCount) {
    const bytes = Uint8Array.fromBase64(jti, { alphabet: "base64url" });
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const first = view.getUint32(0);
    // Odd, so that the probes differ; unsigned again after the bitwise step.
    const step = (view.getUint32(4) | 1) >>> 0;
    for (let probe = 0; probe < PROBES; probe++)
        yield (first + probe * step) % bitCount;
}
export function addSpent(filter, jti) {
    if (!JTI_PATTERN.test(jti))
        return;
    for (const bit of probes(jti, filter.bits.length * 8)) {
        filter.bits[bit >> 3] = (filter.bits[bit >> 3] ?? 0) | (1 << (bit & 7));
    }
}
/** False: certainly not spent. True: spent, or one of the few false positives. A malformed `jti` is never spent. */
export function mayBeSpent(filter, jti) {
    if (!JTI_PATTERN.test(jti))
        return false;
    for (const bit of probes(jti, filter.bits.length * 8)) {
        if (((filter.bits[bit >> 3] ?? 0) & (1 << (bit & 7))) === 0)
            return false;
    }
    return true;
}
