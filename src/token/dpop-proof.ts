/**
 * A proof of possession as RFC 9449 (DPoP) has it: a JWT that the holder of a key signs for one call, with the public key inside.
 *
 * Every check of section 4.3 but the nonce's (none is asked for) is here or in `possession.ts`, which remembers proofs and
 * compares keys. ES256 only: it is what every browser's WebCrypto signs with. A shape check and strict schemas stand
 * before jose; jose verifies the signature by the key in the header, and makes the thumbprint (RFC 7638).
 */
import { calculateJwkThumbprint, EmbeddedJWK, errors, jwtVerify } from "jose";
import * as v from "valibot";
import { readSegment } from "../jose-segment.ts";
import { ok, refused, type Result } from "../result.ts";

/** How long after it was made a proof is taken: the call's own way, and a slow phone. Seconds. */
export const PROOF_AGE_MAX_SECONDS = 60;
/** How far a prover's clock may be ahead. The page's library goes by the gateway's own clock. Seconds. */
export const PROOF_AHEAD_MAX_SECONDS = 10;

const ALGORITHM = "ES256";
const TYPE = "dpop+jwt";
/** Ours are about 600 characters; room for long URLs. */
const PROOF_LENGTH_MAX = 2048;
const JTI_LENGTH_MAX = 128;

/** One JWT: two header fields arrive joined by a comma, which no segment has. The signature is 64 bytes, in one spelling. */
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{85}[AQgw]$/;

/** 32 bytes, base64url in one spelling. */
const BYTES_32 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/));

/** The public members of an EC key and what says what it is for: a private member (`d`, `k`, ...) is an unknown one. */
const PUBLIC_JWK = v.strictObject({
  kty: v.literal("EC"),
  crv: v.literal("P-256"),
  x: BYTES_32,
  y: BYTES_32,
  alg: v.optional(v.literal(ALGORITHM)),
  use: v.optional(v.literal("sig")),
  kid: v.optional(v.string()),
  ext: v.optional(v.boolean()),
  key_ops: v.optional(v.array(v.literal("verify"))),
});

const HEADER = v.strictObject({
  typ: v.literal(TYPE),
  alg: v.literal(ALGORITHM),
  jwk: PUBLIC_JWK,
  kid: v.optional(v.string()),
});

/** Loose: a prover may say more (`nonce`, claims of its own); what we go by is strict. */
const CLAIMS = v.looseObject({
  jti: v.pipe(v.string(), v.minLength(8), v.maxLength(JTI_LENGTH_MAX)),
  htm: v.string(),
  htu: v.string(),
  iat: v.pipe(v.number(), v.finite()),
  ath: v.optional(v.string()),
});

/** The call that the proof must be for. */
export interface ProvenCall {
  readonly method: string;
  /** As the client sees it; query and fragment do not count. */
  readonly url: string;
  /** The bound token that comes with it; null where there is none yet. */
  readonly token: string | null;
}

export interface Proof {
  /** SHA-256 thumbprint of the key, base64url: what a token is bound to. */
  readonly jkt: string;
  readonly jti: string;
  /** Until when a repeat would be taken, if nobody remembered it. Milliseconds since the epoch. */
  readonly usableUntil: number;
}

/** What is wrong with a proof, in words for the developer of a client. */
export type ProofFault = string;

/** The proof in a `DPoP` header field, checked against its call at `now` by the gateway's clock. */
export async function verifyProof(text: string, call: ProvenCall, now: number): Promise<Result<Proof, ProofFault>> {
  if (text.length > PROOF_LENGTH_MAX || !COMPACT.test(text)) return refused("The proof is not one well-formed JWT");
  const [header, claims] = text.split(".");
  const head = v.safeParse(HEADER, readSegment(header));
  if (!head.success) {
    return refused(`The proof's header must have typ ${TYPE}, alg ${ALGORITHM} and a public P-256 jwk, and no more`);
  }
  const body = v.safeParse(CLAIMS, readSegment(claims));
  if (!body.success) return refused("The proof must have jti (8 to 128 characters), htm, htu and iat");
  const { jti, htm, htu, iat, ath } = body.output;
  if (htm !== call.method) return refused("The proof's htm is not this call's method");
  if (!isSameUrl(htu, call.url)) return refused("The proof's htu is not this call's URL");
  const seconds = now / 1000;
  if (iat < seconds - PROOF_AGE_MAX_SECONDS) return refused("The proof's iat is too long ago");
  if (iat > seconds + PROOF_AHEAD_MAX_SECONDS) return refused("The proof's iat has not come yet");
  const wantedAth = call.token === null ? undefined : await hashToken(call.token);
  if (ath !== wantedAth) return refused("The proof's ath is not the purchase token's SHA-256");
  try {
    await jwtVerify(text, EmbeddedJWK, { algorithms: [ALGORITHM], typ: TYPE, currentDate: new Date(now) });
  } catch (fault) {
    // A point that is not on the curve is WebCrypto's to refuse: workerd says OperationError, the standard DataError.
    if (fault instanceof errors.JOSEError || fault instanceof DOMException) {
      return refused("The proof does not verify with the key inside");
    }
    throw fault;
  }
  const { kty, crv, x, y } = head.output.jwk;
  const jkt = await calculateJwkThumbprint({ kty, crv, x, y });
  return ok({ jkt, jti, usableUntil: (iat + PROOF_AGE_MAX_SECONDS) * 1000 });
}

/** RFC 9449, section 4.2: base64url of SHA-256 over the token's text. */
async function hashToken(token: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return new Uint8Array(digest).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Compares without query and fragment, in the spelling that the URL standard gives to both. */
function isSameUrl(htu: string, url: string): boolean {
  if (!URL.canParse(htu)) return false;
  const [given, wanted] = [new URL(htu), new URL(url)];
  return given.origin === wanted.origin && given.pathname === wanted.pathname && given.username === "";
}
