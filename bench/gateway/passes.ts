/**
 * What buyers bring along: merchant's JWTs and purchase tokens, made here with the demo's keys before the measuring, as the
 * shop and the gateway would make them.
 */
import { randomBytes } from "node:crypto";
import { type CryptoKey, importJWK, SignJWT } from "jose";
import * as v from "valibot";
import { type Vars, requireVar } from "../../scripts/gateway/dev-vars.ts";

const LIFETIME_SECONDS = 3600;
const SECOND_MS = 1000;
/** As in src/token/purchase-token.ts: time in milliseconds, and random bytes behind it. */
const [JTI_TIME_BYTES, JTI_RANDOM_BYTES] = [6, 10];
/** How fast a crowd's tokens were issued, about as fast as they are used here. */
const ISSUED_PER_SECOND = 3000;
/** A token is used up to so many milliseconds after its issue: browsers send it on at once, over networks of every kind. */
const USED_WITHIN_MS = 1000;
const BUYER_BYTES = 9;

const ring = v.array(v.object({ kid: v.string(), secret: v.string() }));
const demo = v.object({ identity_key: v.looseObject({ kid: v.string() }) });
const identity = v.object({ issuer: v.string(), audience: v.string() });

/** The first key of TOKEN_KEYS: its id, and its secret in base64url. */
export function readTokenKey(vars: Vars): { readonly kid: string; readonly secret: string } {
  const [key] = v.parse(ring, JSON.parse(requireVar(vars, "TOKEN_KEYS")));
  if (key === undefined) throw new Error("TOKEN_KEYS holds no key");
  return key;
}

export interface TokenMint {
  readonly kid: string;
  /** base64url. */
  readonly secret: string;
  /** As in GATEWAY.name. */
  readonly gateway: string;
}

/** Ids of buyers that come in no order, as those of a crowd do: each finds a place of its own in whatever is sorted by them. */
export function makeBuyers(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, () => `${prefix}-${randomBytes(BUYER_BYTES).toString("base64url")}`);
}

/**
 * Purchase tokens for buyers of one product's round, in the form of src/token/purchase-token.ts: their ids begin with their time.
 * They were issued in the order of the buyers, each up to a second before its turn, the last ones now.
 */
export async function mintTokens(
  { kid, secret, gateway }: TokenMint,
  productId: string,
  round: number,
  buyers: readonly string[],
): Promise<readonly string[]> {
  const key = Buffer.from(secret, "base64url");
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const now = Date.now();
  const wait = SECOND_MS / ISSUED_PER_SECOND;
  return Promise.all(
    buyers.map((buyer, index) => {
      const issuedAt = Math.floor(now - (buyers.length - index) * wait - Math.random() * USED_WITHIN_MS);
      const issuedAtSeconds = Math.floor(issuedAt / SECOND_MS);
      return new SignJWT({ pid: productId, rnd: round, ims: issuedAt })
        .setProtectedHeader({ alg: "HS256", typ: "sluice-purchase+jwt", kid })
        .setIssuer(gateway)
        .setAudience(`${gateway}/checkout`)
        .setSubject(buyer)
        .setJti(makeTokenId(issuedAt))
        .setIssuedAt(issuedAtSeconds)
        .setExpirationTime(issuedAtSeconds + LIFETIME_SECONDS)
        .sign(imported);
    }),
  );
}

function makeTokenId(issuedAt: number): string {
  const time = Buffer.alloc(JTI_TIME_BYTES);
  time.writeUIntBE(issuedAt, 0, JTI_TIME_BYTES);
  return Buffer.concat([time, randomBytes(JTI_RANDOM_BYTES)]).toString("base64url");
}

/** The same tokens with another signature of the right shape: as good as a forger without the key can make them. */
export function forgeTokens(tokens: readonly string[]): readonly string[] {
  return tokens.map((token) => {
    const [header = "", claims = ""] = token.split(".");
    return `${header}.${claims}.${randomBytes(32).toString("base64url")}`;
  });
}

/** JWTs of the demo's shop (ES256), one for each buyer. */
export async function signJwts(vars: Vars, buyers: readonly string[]): Promise<readonly string[]> {
  const { identity_key: jwk } = v.parse(demo, JSON.parse(requireVar(vars, "DEMO")));
  const { issuer, audience } = v.parse(identity, JSON.parse(requireVar(vars, "IDENTITY")));
  const key = (await importJWK(jwk, "ES256")) as CryptoKey;
  return Promise.all(
    buyers.map((buyer) =>
      new SignJWT()
        .setProtectedHeader({ alg: "ES256", kid: jwk.kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(buyer)
        .setIssuedAt()
        .setExpirationTime(`${LIFETIME_SECONDS}s`)
        .sign(key),
    ),
  );
}
