/**
 * The identity stage: the merchant's JWT says who the buyer is. Verified with jose; nothing of it is believed before.
 *
 * Keys come from the configuration, or from the merchant's JWKS, which jose caches and fetches anew for a new `kid` (at most every
 * half minute, so that made-up kids cause no flood). When the JWKS cannot be had the answer is `overloaded`: the
 * fault is ours to wait out, not the buyer's. Whose key is at hand waits for nothing: a made-up `kid` meanwhile keeps nobody else out.
 */
import type { Context } from "hono";
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { Buyer, BuyerEnv } from "../context.ts";
import { describeFault, logEvent } from "../log.ts";
import { refuse } from "../problem.ts";
import { ok, refused, type Result } from "../result.ts";
import { isStorable } from "../text.ts";
import type { Next } from "../way.ts";
import type { IdentityConfig } from "./identity-config.ts";

/** The clocks of shop and gateway may differ by so much, in seconds. */
const CLOCK_TOLERANCE_SECONDS = 5;
/** A JWT with claims for a shop's own purposes fits; a larger one is refused before it is parsed. */
const JWT_LENGTH_MAX = 8192;
/** A merchant's user id; longer ones are no ids. In characters. */
const BUYER_ID_LENGTH_MAX = 256;
/** After the JWKS could not be had nobody fetches it again for so long. */
const FETCH_PAUSE_MS = 1000;

const BEARER = /^Bearer +([^\s]+)$/i;

interface KeySource {
  readonly config: IdentityConfig;
  readonly getKey: JWTVerifyGetKey;
}

let keySource: KeySource | null = null;

/** That the JWKS is not fetched now: it could not be had a moment ago. */
class FetchPaused extends Error {}

function keysOf(config: IdentityConfig): KeySource {
  if (keySource?.config !== config) {
    const { keys, timeoutMs } = config;
    const getKey = keys.kind === "inline" ? createLocalJWKSet(keys.jwks) : fetchedKeys(keys.url, timeoutMs);
    keySource = { config, getKey };
  }
  return keySource;
}

/** The keys of a JWKS elsewhere. Those at hand are used, also while nothing is fetched. */
function fetchedKeys(url: URL, timeoutMs: number): JWTVerifyGetKey {
  let pausedUntil = 0;
  const getKey = createRemoteJWKSet(url, {
    timeoutDuration: timeoutMs,
    [customFetch]: async (target, options) => {
      if (Date.now() < pausedUntil) throw new FetchPaused();
      return fetch(target, options);
    },
  });
  return async (header, token) => {
    try {
      return await getKey(header, token);
    } catch (fault) {
      if (!isTokensFault(fault) && !(fault instanceof FetchPaused)) pausedUntil = Date.now() + FETCH_PAUSE_MS;
      throw fault;
    }
  };
}

/** Requires a buyer: sets `buyer`, or refuses with `identity-required`, `identity-invalid` or `overloaded`. */
export function identifyBuyer() {
  return async function identifyBuyerByJwt(c: Context<BuyerEnv>, next: Next): Promise<Response> {
    const authorization = c.req.header("Authorization");
    if (authorization === undefined) return refuse(c, { code: "identity-required" });
    const jwt = BEARER.exec(authorization)?.[1];
    if (jwt === undefined || jwt.length > JWT_LENGTH_MAX) return refuse(c, { code: "identity-invalid" });
    const buyer = await verifyIdentity(c.get("config").identity, jwt, Date.now());
    if (!buyer.ok) return refuse(c, buyer.refusal);
    c.set("buyer", buyer.value);
    return next(c);
  };
}

export async function verifyIdentity(config: IdentityConfig, jwt: string, now: number): Promise<Result<Buyer>> {
  try {
    const { payload } = await jwtVerify(jwt, keysOf(config).getKey, {
      issuer: config.issuer,
      audience: config.audience,
      algorithms: [...config.algorithms],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(now),
      requiredClaims: ["sub", "exp"],
    });
    const { sub, exp } = payload;
    // JSON has numbers too large for one (1e400), and jose takes them for an end: it would never come.
    if (!Number.isFinite(exp)) return refused({ code: "identity-invalid" });
    if (typeof sub !== "string" || sub.length === 0 || sub.length > BUYER_ID_LENGTH_MAX || !isStorable(sub)) {
      return refused({ code: "identity-invalid" });
    }
    return ok({ id: sub, claims: payload });
  } catch (fault) {
    if (isTokensFault(fault)) return refused({ code: "identity-invalid" });
    if (!(fault instanceof FetchPaused)) {
      logEvent("error", "identity-keys-unavailable", { fault: describeFault(fault) });
    }
    return refused(keysUnavailable());
  }
}

function keysUnavailable() {
  return {
    code: "overloaded",
    retryAfterSeconds: 1,
    detail: "The shop's identity keys cannot be had at present",
  } as const;
}

/** jose's errors about the token itself. What else it throws is about the keys: not fetched, timed out, not a JWKS. */
function isTokensFault(fault: unknown): boolean {
  const isJose = fault instanceof errors.JOSEError;
  const aboutKeys =
    fault instanceof errors.JWKSTimeout ||
    fault instanceof errors.JWKSInvalid ||
    (isJose && fault.code === "ERR_JOSE_GENERIC");
  return isJose && !aboutKeys;
}
