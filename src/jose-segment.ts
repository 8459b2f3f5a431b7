/** One segment of a token in compact form (RFC 7515, section 7.1): base64url of JSON in UTF-8. Nothing of it is believed here. */

/** Made once: making one takes as long as decoding ten tokens. */
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();

const BASE64URL = { alphabet: "base64url" } as const;
/** The one spelling in which segments are written (RFC 7515, section 2). */
export const UNPADDED = { ...BASE64URL, omitPadding: true } as const;
/** Longer than what is read in nearly every request, the claims of a purchase token. In characters, of which four are three bytes. */
const SHORT_LENGTH_MAX = 2048;
/** Used again for every short segment, within one step: a buffer of its own for each is memory that the garbage collector has to hear of. */
const SCRATCH = new Uint8Array((SHORT_LENGTH_MAX / 4) * 3);

/** What the segment says; null where it says nothing in this form. */
export function readSegment(segment = ""): unknown {
  try {
    return JSON.parse(DECODER.decode(bytesOf(segment)));
  } catch {
    return null;
  }
}

/** The segment that says it. */
export function writeSegment(said: object): string {
  return ENCODER.encode(JSON.stringify(said)).toBase64(UNPADDED);
}

/** Good until the next one is read. */
function bytesOf(segment: string): Uint8Array {
  if (segment.length > SHORT_LENGTH_MAX) return Uint8Array.fromBase64(segment, BASE64URL);
  return SCRATCH.subarray(0, SCRATCH.setFromBase64(segment, BASE64URL).written);
}
