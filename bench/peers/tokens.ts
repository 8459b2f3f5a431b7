/** Purchase tokens for the peers' own check and scan, signed as Sluice's are. The bench hands out its own. */
import { randomBytes } from "node:crypto";
import { base64url, SignJWT } from "jose";

const LIFETIME_SECONDS = 3600;
const SECRET_BYTES = 32;

/** base64url of a new HS256 secret. */
export function makeTokenKey(): string {
  return base64url.encode(randomBytes(SECRET_BYTES));
}

export async function makeToken(tokenKey: string, buyerId: string): Promise<string> {
  const issuedAt = Math.floor(Date.now() / 1000);
  return new SignJWT({ pid: "bench", rnd: 1 })
    .setProtectedHeader({ alg: "HS256", typ: "sluice-purchase+jwt", kid: "bench" })
    .setIssuer("bench")
    .setAudience("bench/checkout")
    .setSubject(buyerId)
    .setJti(base64url.encode(randomBytes(16)))
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + LIFETIME_SECONDS)
    .sign(base64url.decode(tokenKey));
}
