/** Server time: GET /v1/time, plain or signed for third parties, and the public keys behind the signature. */
import type { Context } from "hono";
import { importJWK, SignJWT } from "jose";
import { answerJson, UNCACHED_JSON } from "../answer.ts";
import type { AppEnv } from "../context.ts";
import { decideSigningKey } from "../keys/key-ring.ts";
import type { SigningKey } from "../keys/key-config.ts";
import { after } from "../soon.ts";
import type { Answer } from "../way.ts";

const ALGORITHM = "ES256";
const TYPE = "sluice-time+jwt";

/** The shortest way through: no limits, no product, nothing but the clock. */
export function tellTime() {
  return function tellTimeByOurClock(c: Context<AppEnv>): Answer {
    const now = Date.now();
    if (c.req.query("signed") === undefined) return answerJson(c, { now }, 200, UNCACHED_JSON);
    const { time, gateway } = c.get("config");
    return after(signTime(time.keys, gateway.name, now), (jws) => answerJson(c, { now, jws }, 200, UNCACHED_JSON));
  };
}

/** A JWT that says what time it was: `now` in milliseconds, `iat` in seconds, `iss` and `aud` the gateway's name. */
async function signTime(ring: readonly SigningKey[], gateway: string, now: number): Promise<string> {
  const key = decideSigningKey(ring, now);
  if (key === null) throw new Error("No key of TIME_KEYS may sign now");
  return new SignJWT({ now })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: key.kid })
    .setIssuer(gateway)
    .setAudience(gateway)
    .setIssuedAt(Math.floor(now / 1000))
    .sign(await importedKey(key));
}

/** GET /.well-known/jwks.json: the public halves of the keys whose time is not over, next ones included. */
export function publishKeys() {
  return async function publishTimeKeys(c: Context<AppEnv>): Promise<Response> {
    const now = Date.now();
    const usable = c.get("config").time.keys.filter((key) => now < key.notAfter);
    c.header("Cache-Control", "public, max-age=300");
    return c.json({ keys: usable.map(publicHalf) });
  };
}

function publicHalf({ kid, privateJwk }: SigningKey) {
  const { kty, crv, x, y } = privateJwk;
  return { kty, crv, x, y, kid, alg: ALGORITHM, use: "sig" };
}

const imported = new WeakMap<SigningKey, CryptoKey>();

async function importedKey(key: SigningKey): Promise<CryptoKey> {
  const known = imported.get(key);
  if (known !== undefined) return known;
  const made = await importJWK(key.privateJwk, ALGORITHM);
  if (!(made instanceof CryptoKey)) throw new Error("A key of TIME_KEYS is not a private EC key");
  imported.set(key, made);
  return made;
}
