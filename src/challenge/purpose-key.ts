/** One secret of the ring, many purposes: a key of its own for each, so that no text of one kind passes for another's. */
import type { HmacKey } from "../keys/key-config.ts";

export type Purpose = "pow" | "pow-solution" | "ticket" | "question";

const KEY_BITS = 256;
const known = new WeakMap<HmacKey, Map<Purpose, Uint8Array<ArrayBuffer>>>();

/** HKDF with SHA-256 (RFC 5869), without a salt: the secret is random already. 32 bytes. */
export async function purposeKey(key: HmacKey, purpose: Purpose): Promise<Uint8Array<ArrayBuffer>> {
  const kept = known.get(key)?.get(purpose);
  if (kept !== undefined) return kept;
  const secret = await crypto.subtle.importKey("raw", key.secret, "HKDF", false, ["deriveBits"]);
  const info = new TextEncoder().encode(`sluice-challenge/${purpose}`);
  const bits = await crypto.subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info },
    secret,
    KEY_BITS,
  );
  const derived = new Uint8Array(bits);
  const purposes = known.get(key) ?? new Map<Purpose, Uint8Array<ArrayBuffer>>();
  known.set(key, purposes.set(purpose, derived));
  return derived;
}
