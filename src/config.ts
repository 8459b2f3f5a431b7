/**
 * The configuration: wrangler's vars and secrets, checked once into one typed value. Nothing else reads raw `env` strings.
 *
 * A missing, short, misspelt or contradictory value is a ConfigError that names the key and never shows the value. Vars are
 * tables of wrangler.toml, or the same as JSON text (as `.dev.vars` and `wrangler secret put` give them).
 */
import * as v from "valibot";
import { type ChallengeConfig, parseChallenge } from "./challenge/challenge-config.ts";
import { parseHoarding } from "./checkout/hoarding-config.ts";
import type { HoardingRules } from "../durable-objects/product/protocol.ts";
import { RETENTION_DEFAULT_SECONDS, RETENTION_LEAST_SECONDS } from "../durable-objects/product/retention.ts";
import { ConfigError } from "./config-error.ts";
import { type IdentityConfig, parseIdentity } from "./identity/identity-config.ts";
import { type LimitsConfig, parseLimits } from "./limits/policy.ts";
import { logEvent } from "./log.ts";
import { parseRisk, type RiskConfig } from "./risk/risk-config.ts";
import { parseSecret, parseTable, seconds } from "./config-parsing.ts";
import { type HmacKey, parseHmacKeys, parseSigningKeys, type SigningKey } from "./keys/key-config.ts";

export interface GatewayConfig {
  /** Names this gateway in every token's issuer and audience. */
  readonly name: string;
  readonly allowedOrigins: readonly string[];
}

export interface TokenConfig {
  readonly lifetimeMs: number;
  /** `dpop`: a purchase token is bound to a key of the buyer's browser, which cannot be handed on. */
  readonly binding: "none" | "dpop";
  /** The purchase token's ring: symmetric, because who verifies is who signed. */
  readonly keys: readonly HmacKey[];
}

export interface TimeConfig {
  /** The signed time's ring: asymmetric, because others verify. */
  readonly keys: readonly SigningKey[];
}

export interface SaleConfig {
  readonly copyMaxAgeMs: number;
  readonly rulesFrozenSeconds: number;
  /** How long an order that is over stays in its product's object; later Postgres alone has it. */
  readonly orderRetentionMs: number;
}

export interface WriterConfig {
  readonly breakerFailures: number;
  readonly breakerPauseMs: number;
  readonly timeoutMs: number;
}

export interface Config {
  readonly gateway: GatewayConfig;
  readonly identity: IdentityConfig;
  readonly token: TokenConfig;
  readonly time: TimeConfig;
  readonly sale: SaleConfig;
  readonly hoarding: HoardingRules;
  readonly writer: WriterConfig;
  readonly limits: LimitsConfig;
  readonly risk: RiskConfig;
  readonly challenge: ChallengeConfig;
  readonly adminToken: string;
  /** Standard Webhooks secrets, `whsec_...`: all are accepted, so that they can be rotated. */
  readonly webhookSecrets: readonly string[];
  /** The demo signs identities itself; null everywhere else. */
  readonly demo: { readonly identityKey: SigningKey } | null;
}

const KNOWN_VARS = new Set([
  "GATEWAY",
  "IDENTITY",
  "TOKEN",
  "SALE",
  "HOARDING",
  "WRITER",
  "LIMITS",
  "RISK",
  "CHALLENGE",
  "DEMO",
]);
const KNOWN_SECRETS = new Set([
  "ADMIN_TOKEN",
  "ORIGIN_WEBHOOK_SECRET",
  "TOKEN_KEYS",
  "TIME_KEYS",
  "UPSTASH_REDIS_REST_URL",
  "UPSTASH_REDIS_REST_TOKEN",
  "CHALLENGE_KEYS",
  "CHALLENGE_QUIZ",
  "TURNSTILE_SECRET",
]);

const GATEWAY = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,64}$/, "Must be 1 to 64 of a-z, 0-9 and -")),
  allowed_origins: v.array(
    v.pipe(v.string(), v.url(), v.check(isOrigin, "Must be an origin like https://shop.example, without a path")),
  ),
});

const TOKEN = v.strictObject({
  lifetime_seconds: seconds(5, 3600),
  binding: v.optional(v.picklist(["none", "dpop"], 'Must be "none" or "dpop"'), "none"),
});

/** A year: beyond it the object would be the archive that Postgres is. */
const RETENTION_MOST_SECONDS = 366 * 86_400;

const SALE = v.strictObject({
  copy_max_age_ms: v.pipe(v.number(), v.integer(), v.minValue(50), v.maxValue(1000)),
  rules_frozen_seconds: seconds(0, 86_400),
  order_retention_seconds: v.optional(
    seconds(RETENTION_LEAST_SECONDS, RETENTION_MOST_SECONDS),
    RETENTION_DEFAULT_SECONDS,
  ),
});

const WRITER = v.strictObject({
  breaker_failures: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)),
  breaker_pause_seconds: seconds(1, 3600),
  timeout_ms: v.pipe(v.number(), v.integer(), v.minValue(100), v.maxValue(60_000)),
});

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

/** Standard Webhooks: base64 of 24 to 64 bytes behind `whsec_`; here of at least 32, like every secret. */
const WEBHOOK_SECRET = /^whsec_[A-Za-z0-9+/]{43,}={0,2}$/;
const SECRET_BYTES_MIN = 32;

function parseAdminToken(env: Readonly<Record<string, unknown>>): string {
  const token = parseSecret(env, "ADMIN_TOKEN");
  if (new TextEncoder().encode(token).length < SECRET_BYTES_MIN) {
    throw new ConfigError("ADMIN_TOKEN", `Must be at least ${SECRET_BYTES_MIN} bytes long`);
  }
  return token;
}

function parseWebhookSecrets(env: Readonly<Record<string, unknown>>): readonly string[] {
  const secrets = parseSecret(env, "ORIGIN_WEBHOOK_SECRET")
    .split(/[\s,]+/)
    .filter((secret) => secret !== "");
  if (secrets.length === 0 || !secrets.every((secret) => WEBHOOK_SECRET.test(secret))) {
    throw new ConfigError(
      "ORIGIN_WEBHOOK_SECRET",
      "Must be whsec_ and base64 of at least 32 bytes; several are separated by blanks",
    );
  }
  if (new Set(secrets).size !== secrets.length) throw new ConfigError("ORIGIN_WEBHOOK_SECRET", "Names a secret twice");
  return secrets;
}

function parseDemo(env: Readonly<Record<string, unknown>>): Config["demo"] {
  if (env["DEMO"] === undefined) return null;
  const demo = parseTable(env, "DEMO", v.strictObject({ identity_key: v.unknown() }));
  const [identityKey] = parseSigningKeys("DEMO.identity_key", [demo.identity_key]);
  if (identityKey === undefined) throw new ConfigError("DEMO.identity_key", "Must be a private JWK");
  return { identityKey };
}

/** Names as wrangler.toml has them; what the platform adds by itself looks different. */
const VAR_NAME = /^[A-Z][A-Z0-9_]*$/;

/** A text or plain table is a var or a secret; bindings are objects with methods, and are left alone. */
function isVar(value: unknown): boolean {
  if (typeof value === "function") return false;
  return (
    typeof value !== "object" ||
    value === null ||
    Array.isArray(value) ||
    Object.getPrototypeOf(value) === Object.prototype
  );
}

function refuseUnknown(env: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(env)) {
    if (VAR_NAME.test(key) && isVar(value) && !KNOWN_VARS.has(key) && !KNOWN_SECRETS.has(key)) {
      throw new ConfigError(key, "Is not a var or secret of this gateway");
    }
  }
}

function assertBinding(env: Readonly<Record<string, unknown>>, name: string): void {
  if (typeof env[name] !== "object" && typeof env[name] !== "function") {
    throw new ConfigError(name, "This binding is missing: see wrangler.toml");
  }
}

/** Enforced risk may demand a challenge of any buyer: then there must be keys to make one. */
function assertChallengeable({ mode, steps }: RiskConfig, { keys }: ChallengeConfig): void {
  const demands = steps.challenge !== null || steps.harder !== null || steps.delay !== null;
  if (mode === "enforce" && demands && keys.length === 0) {
    throw new ConfigError("CHALLENGE_KEYS", "Is missing: RISK.steps demand challenges");
  }
}

/** Checks everything. Throws ConfigError for the first thing that is wrong. */
export function parseConfig(env: Readonly<Record<string, unknown>>): Config {
  refuseUnknown(env);
  for (const binding of ["PRODUCT", "LIMITER", "CONTROL", "ORDER_EVENTS", "ORIGIN_DB"]) assertBinding(env, binding);
  const gateway = parseTable(env, "GATEWAY", GATEWAY);
  const token = parseTable(env, "TOKEN", TOKEN);
  const sale = parseTable(env, "SALE", SALE);
  const writer = parseTable(env, "WRITER", WRITER);
  const [challenge, risk] = [parseChallenge(env), parseRisk(env)];
  assertChallengeable(risk, challenge);
  return {
    gateway: { name: gateway.name, allowedOrigins: gateway.allowed_origins },
    identity: parseIdentity(env),
    token: {
      lifetimeMs: token.lifetime_seconds * 1000,
      binding: token.binding,
      keys: parseHmacKeys(env, "TOKEN_KEYS"),
    },
    time: { keys: parseSigningKeys("TIME_KEYS", parseTable(env, "TIME_KEYS", v.array(v.unknown()))) },
    sale: {
      copyMaxAgeMs: sale.copy_max_age_ms,
      rulesFrozenSeconds: sale.rules_frozen_seconds,
      orderRetentionMs: sale.order_retention_seconds * 1000,
    },
    hoarding: parseHoarding(env),
    writer: {
      breakerFailures: writer.breaker_failures,
      breakerPauseMs: writer.breaker_pause_seconds * 1000,
      timeoutMs: writer.timeout_ms,
    },
    limits: parseLimits(parseTable(env, "LIMITS", v.record(v.string(), v.unknown())), env),
    challenge,
    risk,
    adminToken: parseAdminToken(env),
    webhookSecrets: parseWebhookSecrets(env),
    demo: parseDemo(env),
  };
}

const loaded = new WeakMap<Env, Config | ConfigError>();

/** The configuration of this isolate: parsed at its first request, then remembered, the error too. */
export function loadConfig(env: Env): Config | ConfigError {
  const known = loaded.get(env);
  if (known !== undefined) return known;
  const config = tryParse(env);
  loaded.set(env, config);
  return config;
}

function tryParse(env: Env): Config | ConfigError {
  try {
    return parseConfig(env as unknown as Record<string, unknown>);
  } catch (fault) {
    if (!(fault instanceof ConfigError)) throw fault;
    logEvent("error", "misconfigured", { key: fault.key, message: fault.message });
    return fault;
  }
}
