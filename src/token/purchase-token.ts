/**
 * The purchase token: a signed, short-lived, one-time right of one buyer to one checkout of one product's round.
 *
 * A JWS in compact form (RFC 7515), HS256, because the party that verifies is the party that signed. First a strict shape:
 * base64url in one spelling, exactly our header. Whatever has it is as good as its MAC, so that verifying and signing are one call of
 * WebCrypto each (decisions 0029 and 0041). Its claims, exactly ours, are read when somebody asks: behind the MAC, save where the
 * sale has to know which token it is (decision 0037). That a token is used once is not decided here but by the product object, which
 * spends its `jti` in the hold's own transaction.
 */
import * as v from "valibot";
import type { RefusalOf } from "../refusal.ts";
import { ok, refused, type Result } from "../result.ts";
import type { HmacKey } from "../keys/key-config.ts";
import { readSegment, UNPADDED, writeSegment } from "../jose-segment.ts";
import { decideSigningKey, decideVerifyingKey } from "../keys/key-ring.ts";

const ALGORITHM = "HS256";
/** Tells a purchase token from every other kind of JWT (RFC 8725, section 3.11). */
const TYPE = "sluice-purchase+jwt";
/**
 * A `jti`: 48 bits of time in milliseconds, so that ids of the same moment stand together in the product object's index (decision 0025),
 * and 80 random bits. It need not be unguessable, the token is signed; it has to be unique.
 */
const JTI_TIME_BYTES = 6;
const JTI_RANDOM_BYTES = 10;
/** Ours are about 400 characters with an ordinary buyer id, and below this with the longest. */
const TOKEN_LENGTH_MAX = 2048;

/** The last character of a 32-byte signature carries four bits of it: its two low bits are zero. */
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const SIGNATURE_LENGTH = 43;
const SIGNATURE_BYTES = 32;

const HEADER = v.strictObject({ alg: v.literal(ALGORITHM), typ: v.literal(TYPE), kid: v.string() });

/** What a purchase token says, no more and no less. */
interface Claims {
  readonly iss: string;
  readonly aud: string;
  /** 1 to 256 characters. */
  readonly sub: string;
  readonly jti: string;
  /** Seconds since the epoch. */
  readonly iat: number;
  readonly exp: number;
  /** When it was issued, in ms since the epoch: `iat` is in seconds. Not in tokens of an earlier version. */
  readonly ims?: number;
  readonly pid: string;
  readonly rnd: number;
  /** The key that the token is bound to (RFC 9449, section 6.1). */
  readonly cnf?: { readonly jkt: string };
}

/** Those that every token has: iss, aud, sub, jti, iat, exp, pid, rnd. */
const CLAIMS_LEAST = 8;
const SUBJECT_LENGTH_MAX = 256;
const JTI = /^[A-Za-z0-9_-]{21}[AQgw]$/;
const PRODUCT = /^[a-z0-9-]{1,64}$/;
const THUMBPRINT = /^[A-Za-z0-9_-]{43}$/;

/** By hand, not by a schema: of a refusal behind it that is a tenth (decision 0033), and nearly every request of a sale is one. */
function isClaims(value: unknown): value is Claims {
  if (!isRecord(value)) return false;
  const { iss, aud, sub, jti, iat, exp, ims, pid, rnd, cnf } = value;
  const known = CLAIMS_LEAST + (ims === undefined ? 0 : 1) + (cnf === undefined ? 0 : 1);
  return (
    Object.keys(value).length === known &&
    typeof iss === "string" &&
    typeof aud === "string" &&
    typeof sub === "string" &&
    sub.length > 0 &&
    sub.length <= SUBJECT_LENGTH_MAX &&
    isTextLike(jti, JTI) &&
    isWhole(iat, 0) &&
    isWhole(exp, 0) &&
    (ims === undefined || isWhole(ims, 0)) &&
    isTextLike(pid, PRODUCT) &&
    isWhole(rnd, 1) &&
    (cnf === undefined || isConfirmation(cnf))
  );
}

function isConfirmation(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length === 1 && isTextLike(value["jkt"], THUMBPRINT);
}

/** Parsed JSON: its keys are its own, and an array has none of those that are wanted. Who has all that are wanted and no more keys has no other. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isTextLike(value: unknown, pattern: RegExp): value is string {
  return typeof value === "string" && pattern.test(value);
}

function isWhole(value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= least;
}

export interface PurchaseToken {
  readonly jti: string;
  readonly buyerId: string;
  readonly productId: string;
  readonly round: number;
  /** Thumbprint of the key whose holder alone may use it; null: it is not bound. */
  readonly jkt: string | null;
  /** Ms since the epoch; null: it does not say. */
  readonly issuedAt: number | null;
}

/** A token of the right shape. Nothing of what it says is proven. */
export class UnverifiedToken {
  readonly kid: string;
  /** As it was sent, which is its one spelling: at its end the signature, and before that, and a dot, what it is over (RFC 7515, section 5.1). */
  readonly text: string;
  #claims: Claims | null | undefined;

  constructor(kid: string, text: string) {
    this.kid = kid;
    this.text = text;
  }

  /** What it says; null: it does not say what a token of ours says. Read when it is asked for: a forged one is told by its MAC alone. */
  get claims(): Claims | null {
    if (this.#claims === undefined) {
      const said = readSegment(this.text.slice(this.text.indexOf(".") + 1, -SIGNATURE_LENGTH - 1));
      this.#claims = isClaims(said) ? said : null;
    }
    return this.#claims;
  }

  /** null: it has none that could be ours. */
  get jti(): string | null {
    return this.claims?.jti ?? null;
  }
}

type TokenRefusal = RefusalOf<"token-invalid" | "token-expired">;

const ENCODER = new TextEncoder();

const INVALID: TokenRefusal = { code: "token-invalid" };

export interface TokenRing {
  readonly gateway: string;
  readonly keys: readonly HmacKey[];
}

/**
 * A new token, signed by the newest key whose time has come.
 *
 * @param lifetimeMs from `now`; the token ends at the whole second before, which `expiresAt` says in ms since the epoch.
 * @throws Error where no key of the ring may sign at `now`.
 */
export async function issueToken(
  ring: TokenRing,
  token: Omit<PurchaseToken, "jti" | "issuedAt">,
  lifetimeMs: number,
  now: number,
): Promise<{ readonly text: string; readonly expiresAt: number }> {
  const key = decideSigningKey(ring.keys, now);
  if (key === null) throw new Error("No key of TOKEN_KEYS may sign now");
  const issuedAt = Math.floor(now / 1000);
  const expiresAt = Math.floor((now + lifetimeMs) / 1000);
  const { mac, header } = readyKeys.get(key) ?? (await makeReady(key));
  const claims: Claims = {
    iss: ring.gateway,
    aud: audienceOf(ring.gateway),
    sub: token.buyerId,
    jti: makeJti(now, crypto.getRandomValues(new Uint8Array(JTI_RANDOM_BYTES))),
    iat: issuedAt,
    exp: expiresAt,
    ims: now,
    pid: token.productId,
    rnd: token.round,
    ...(token.jkt === null ? {} : { cnf: { jkt: token.jkt } }),
  };
  const signed = `${header}.${writeSegment(claims)}`;
  const signature = await crypto.subtle.sign("HMAC", mac, ENCODER.encode(signed));
  return { text: `${signed}.${new Uint8Array(signature).toBase64(UNPADDED)}`, expiresAt: expiresAt * 1000 };
}

/** A token's id: 16 bytes, base64url. */
export function makeJti(now: number, random: Uint8Array): string {
  const bytes = new Uint8Array(JTI_TIME_BYTES + JTI_RANDOM_BYTES);
  // Into the first six of eight bytes; the random ones follow.
  new DataView(bytes.buffer).setBigUint64(0, BigInt(now) << 16n);
  bytes.set(random, JTI_TIME_BYTES);
  return bytes.toBase64(UNPADDED);
}

/** The shape of a token, without a signature check: three base64url segments, one spelling each, and a header of ours. */
export function readTokenShape(text: string | undefined): Result<UnverifiedToken, TokenRefusal> {
  if (text === undefined || text.length > TOKEN_LENGTH_MAX) return refused(INVALID);
  if (!COMPACT.test(text)) return refused(INVALID);
  const kid = readHeader(text.slice(0, text.indexOf(".")));
  return kid === null ? refused(INVALID) : ok(new UnverifiedToken(kid, text));
}

/** The header that was read last: all tokens of a key have the same one, and a sale has one key. */
let lastHeader: { readonly segment: string; readonly kid: string } | null = null;

/** The `kid` of a header that is exactly ours; null for any other header. */
function readHeader(segment: string): string | null {
  if (lastHeader?.segment === segment) return lastHeader.kid;
  const head = v.safeParse(HEADER, readSegment(segment));
  if (!head.success) return null;
  const { kid } = head.output;
  lastHeader = { segment, kid };
  return kid;
}

/** Signature, claims, gateway, product and time of a token whose shape is right. */
export async function verifyToken(
  ring: TokenRing,
  token: UnverifiedToken,
  productId: string,
  now: number,
): Promise<Result<PurchaseToken, TokenRefusal>> {
  const { kid, text } = token;
  const key = decideVerifyingKey(ring.keys, kid, now);
  if (key === null) return refused(INVALID);
  // Not awaited where it is there.
  const ready = readyKeys.get(key) ?? (await makeReady(key));
  // WebCrypto copies what it is given before it returns, and the platform compares in constant time.
  MAC.setFromBase64(text.slice(-SIGNATURE_LENGTH), { alphabet: "base64url" });
  const { written } = ENCODER.encodeInto(text.slice(0, -SIGNATURE_LENGTH - 1), SIGNED);
  const isOurs = await crypto.subtle.verify("HMAC", ready.mac, MAC, SIGNED.subarray(0, written));
  const claims = isOurs ? token.claims : null;
  if (claims === null || claims.iss !== ring.gateway || claims.aud !== audienceOf(ring.gateway))
    return refused(INVALID);
  if (claims.pid !== productId) return refused(INVALID);
  if (now >= claims.exp * 1000) return refused({ code: "token-expired" });
  const { jti, sub: buyerId, rnd: round, cnf, ims } = claims;
  return ok({ jti, buyerId, productId, round, jkt: cnf?.jkt ?? null, issuedAt: ims ?? null });
}

/** Used again for every token, within one step each: a buffer of its own for each is memory that the garbage collector has to hear of. */
const MAC = new Uint8Array(SIGNATURE_BYTES);
const SIGNED = new Uint8Array(TOKEN_LENGTH_MAX);

function audienceOf(gateway: string): string {
  return `${gateway}/checkout`;
}

/** What is made of a key once: the key as WebCrypto takes it, and the header of all that it signs. */
interface ReadyKey {
  readonly mac: CryptoKey;
  readonly header: string;
}

/** Keys, not promises of them: on Workers a promise belongs to the request that made it. */
const readyKeys = new WeakMap<HmacKey, ReadyKey>();

async function makeReady(key: HmacKey): Promise<ReadyKey> {
  const mac = await crypto.subtle.importKey("raw", key.secret, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);
  const ready = { mac, header: writeSegment({ alg: ALGORITHM, typ: TYPE, kid: key.kid }) };
  readyKeys.set(key, ready);
  return ready;
}
