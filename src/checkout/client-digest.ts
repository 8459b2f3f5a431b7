/**
 * A client's key as it is stored with an order: SHA-256, its first 128 bits, base64url.
 *
 * It keeps addresses out of the stored rows and out of whatever is made of them. What it gives up: whoever has the rows can
 * still try all IPv4 addresses; it hides them from eyes, not from that work.
 */

/** 128 bits: no two clients meet by chance. */
const DIGEST_BYTES = 16;

/** Made once: making one takes as long as what it is made for. */
const ENCODER = new TextEncoder();

export async function digestClient(key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", ENCODER.encode(`sluice-client:${key}`));
  return new Uint8Array(digest, 0, DIGEST_BYTES).toBase64({ alphabet: "base64url", omitPadding: true });
}
