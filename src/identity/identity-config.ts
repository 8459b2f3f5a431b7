/** [vars.IDENTITY]: whose JWT says who the buyer is. */
import * as v from "valibot";
import type { JSONWebKeySet } from "jose";
import { ConfigError } from "../config-error.ts";
import { parseTable } from "../config-parsing.ts";

/** Asymmetric algorithms only: with a shared secret whoever verifies could also sign. */
const ALGORITHMS = [
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
] as const;

export interface IdentityConfig {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  readonly keys:
    | { readonly kind: "remote"; readonly url: URL }
    | { readonly kind: "inline"; readonly jwks: JSONWebKeySet };
  readonly timeoutMs: number;
}

const IDENTITY = v.strictObject({
  issuer: v.pipe(v.string(), v.nonEmpty("Must not be empty")),
  audience: v.pipe(v.string(), v.nonEmpty("Must not be empty")),
  algorithms: v.pipe(
    v.array(v.picklist(ALGORITHMS, `Must be one of ${ALGORITHMS.join(", ")}`)),
    v.minLength(1, "Must name at least one algorithm"),
  ),
  jwks_url: v.optional(v.pipe(v.string(), v.url("Must be an https URL"))),
  jwks: v.optional(
    v.strictObject({
      keys: v.pipe(v.array(v.looseObject({ kty: v.string() })), v.minLength(1, "Must hold at least one key")),
    }),
  ),
  timeout_ms: v.pipe(v.number(), v.integer(), v.minValue(50), v.maxValue(10_000)),
});

/** Members of a JWK that only a private or a symmetric key has (RFC 7518, section 6). */
const SECRET_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "k"];

function parseKeys(url: string | undefined, jwks: { keys: readonly object[] } | undefined): IdentityConfig["keys"] {
  if (url !== undefined && jwks !== undefined) {
    throw new ConfigError("IDENTITY.jwks", "Must not stand beside jwks_url: keys come from one place");
  }
  if (jwks !== undefined) {
    if (jwks.keys.some((key) => SECRET_MEMBERS.some((member) => member in key))) {
      throw new ConfigError("IDENTITY.jwks", "Must hold public keys only");
    }
    return { kind: "inline", jwks: jwks as JSONWebKeySet };
  }
  if (url === undefined) throw new ConfigError("IDENTITY.jwks_url", "Is missing, and so is jwks");
  const parsed = new URL(url);
  const isLoopback = parsed.hostname === "localhost" || parsed.hostname === "127.0.0.1" || parsed.hostname === "[::1]";
  if (parsed.protocol !== "https:" && !isLoopback) throw new ConfigError("IDENTITY.jwks_url", "Must be an https URL");
  return { kind: "remote", url: parsed };
}

export function parseIdentity(env: Readonly<Record<string, unknown>>): IdentityConfig {
  const table = parseTable(env, "IDENTITY", IDENTITY);
  return {
    issuer: table.issuer,
    audience: table.audience,
    algorithms: table.algorithms,
    keys: parseKeys(table.jwks_url, table.jwks),
    timeoutMs: table.timeout_ms,
  };
}
