/**
 * The key rings' configuration: TOKEN_KEYS (symmetric) and TIME_KEYS (private ES256 keys), each a JSON list.
 *
 * A ring may hold several keys with times: rotation is to add the next key with a `notBefore` in the future, and to take the old one
 * out once nothing that it signed is valid any more. Short secrets, duplicate kids and keys of the wrong kind stop the start.
 */
import * as v from "valibot";
import { ConfigError } from "../config-error.ts";
import { check, parseTable } from "../config-parsing.ts";

interface KeyTimes {
  readonly kid: string;
  /** Signs from then on, in milliseconds since the epoch; verifies at any time before `notAfter`. */
  readonly notBefore: number;
  /** Neither signs nor verifies from then on. */
  readonly notAfter: number;
}

export interface HmacKey extends KeyTimes {
  readonly secret: Uint8Array<ArrayBuffer>;
}

export interface SigningKey extends KeyTimes {
  readonly privateJwk: Readonly<Record<string, unknown>>;
}

/** RFC 7518, section 3.2: an HS256 key is at least as long as the hash. */
const SECRET_BYTES_MIN = 32;

const KID = v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,64}$/, "Must be 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'"));
const AT = v.pipe(v.number(), v.integer(), v.minValue(0));

const HMAC_KEYS = v.array(
  v.strictObject({
    kid: KID,
    secret: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]+$/, "Must be base64url without padding")),
    notBefore: v.optional(AT, 0),
    notAfter: v.optional(AT, Number.MAX_SAFE_INTEGER),
  }),
);

const SIGNING_KEY = v.looseObject({
  kid: KID,
  kty: v.literal("EC", "Must be EC: the gateway signs with ES256"),
  crv: v.literal("P-256", "Must be P-256: the gateway signs with ES256"),
  x: v.string(),
  y: v.string(),
  d: v.string(),
  notBefore: v.optional(AT, 0),
  notAfter: v.optional(AT, Number.MAX_SAFE_INTEGER),
});

function assertRing(name: string, keys: readonly KeyTimes[]): void {
  if (keys.length === 0) throw new ConfigError(name, "Must hold at least one key");
  const kids = new Set<string>();
  for (const { kid, notBefore, notAfter } of keys) {
    if (kids.has(kid)) throw new ConfigError(name, `Holds the kid ${kid} twice`);
    kids.add(kid);
    if (notBefore >= notAfter) throw new ConfigError(`${name}.${kid}.notAfter`, "Must be later than notBefore");
  }
}

export function parseHmacKeys(env: Readonly<Record<string, unknown>>, name: string): readonly HmacKey[] {
  const keys = parseTable(env, name, HMAC_KEYS).map((key) => {
    const secret = decodeSecret(`${name}.${key.kid}.secret`, key.secret);
    return { ...key, secret };
  });
  assertRing(name, keys);
  const secrets = new Set(keys.map((key) => key.secret.toHex()));
  if (secrets.size !== keys.length) throw new ConfigError(name, "Holds the same secret under two kids");
  return keys;
}

function decodeSecret(name: string, text: string): Uint8Array<ArrayBuffer> {
  let secret: Uint8Array<ArrayBuffer>;
  try {
    secret = Uint8Array.fromBase64(text, { alphabet: "base64url" });
  } catch {
    throw new ConfigError(name, "Must be base64url without padding");
  }
  if (secret.length < SECRET_BYTES_MIN) throw new ConfigError(name, `Must be at least ${SECRET_BYTES_MIN} bytes long`);
  return secret;
}

export function parseSigningKeys(name: string, raw: readonly unknown[]): readonly SigningKey[] {
  const keys = raw.map((entry, index) => {
    const { notBefore, notAfter, ...privateJwk } = check(`${name}.${index}`, entry, SIGNING_KEY);
    return { kid: privateJwk.kid, notBefore, notAfter, privateJwk };
  });
  assertRing(name, keys);
  return keys;
}
