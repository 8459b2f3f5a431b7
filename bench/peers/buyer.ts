/**
 * Who the buyer is, by the purchase token: HS256, as Sluice's own.
 *
 * Peers of the same work verify it as Sluice does, by jose with a key imported once. The others believe it: they compare how
 * units are counted, and must not be sold as anything more.
 */
import { base64url, decodeJwt, jwtVerify } from "jose";

/** Null: there is no buyer in it. */
export type ReadBuyer = (token: string | null) => Promise<string | null>;

const VERIFY = { algorithms: ["HS256"], requiredClaims: ["sub", "exp"] };

/** Signature, time and buyer. @param tokenKey base64url of the secret. */
export async function verifiedBuyer(tokenKey: string): Promise<ReadBuyer> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", base64url.decode(tokenKey), algorithm, false, ["verify"]);
  return async (token) => {
    if (token === null) return null;
    try {
      const { payload } = await jwtVerify(token, key, VERIFY);
      return payload.sub ?? null;
    } catch {
      return null;
    }
  };
}

/** Whatever the token says, without a look at its signature. */
export const statedBuyer: ReadBuyer = async (token) => {
  if (token === null) return null;
  try {
    return decodeJwt(token).sub ?? null;
  } catch {
    return null;
  }
};
