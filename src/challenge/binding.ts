/** For whom and what a challenge was made. Only the one that fits in every part is worth anything. Pure, but for its ids. */

export interface Binding {
  /** The gateway's name: one per environment. */
  readonly gateway: string;
  readonly buyerId: string;
  readonly productId: string;
  readonly round: number;
}

export function isSameBinding(one: Binding, other: Binding): boolean {
  return (
    one.gateway === other.gateway &&
    one.buyerId === other.buyerId &&
    one.productId === other.productId &&
    one.round === other.round
  );
}

/** 128 random bits. */
const ID_BYTES = 16;
/** Base64url; the last character carries two bits. */
export const CHALLENGE_ID = /^[A-Za-z0-9_-]{21}[AQgw]$/;

/** A challenge's id: what is burned when it is used, however its text is spelt. */
export function makeChallengeId(): string {
  return crypto.getRandomValues(new Uint8Array(ID_BYTES)).toBase64({ alphabet: "base64url", omitPadding: true });
}
