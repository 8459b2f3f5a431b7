import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { app } from "../../../src/app.ts";
import { parseConfig } from "../../../src/config.ts";
import { ConfigError } from "../../../src/config-error.ts";

type Vars = Record<string, unknown>;

const valid: Vars = { ...env };

function table(key: string, changes: Vars): Vars {
  const present = valid[key];
  const parsed = (typeof present === "string" ? JSON.parse(present) : present) as Vars;
  const merged = Object.entries({ ...parsed, ...changes }).filter(([, value]) => value !== undefined);
  return { ...valid, [key]: Object.fromEntries(merged) };
}

function hmacKey(changes: Vars = {}): Vars {
  return { kid: "k1", secret: "A".repeat(43), ...changes };
}

function ring(...keys: readonly Vars[]): Vars {
  return { ...valid, TOKEN_KEYS: JSON.stringify(keys) };
}

function timeRing(changes: Vars): Vars {
  const [key] = JSON.parse(String(valid["TIME_KEYS"])) as Vars[];
  return { ...valid, TIME_KEYS: JSON.stringify([{ ...key, ...changes }]) };
}

function without(key: string): Vars {
  const { [key]: _, ...rest } = valid;
  return rest;
}

function errorOf(vars: Vars): ConfigError {
  try {
    parseConfig(vars);
  } catch (fault) {
    if (fault instanceof ConfigError) return fault;
    throw fault;
  }
  throw new Error("The configuration was accepted");
}

const SHORT = "too-short-to-be-a-secret";

const WRONG: readonly (readonly [string, Vars, string])[] = [
  ["a misspelt var", { ...valid, LIMIT: {} }, "LIMIT"],
  ["a misspelt secret", { ...valid, ADMIN_TOKENS: "x".repeat(40) }, "ADMIN_TOKENS"],
  ["no admin token", without("ADMIN_TOKEN"), "ADMIN_TOKEN"],
  ["a short admin token", { ...valid, ADMIN_TOKEN: SHORT }, "ADMIN_TOKEN"],
  ["no webhook secret", without("ORIGIN_WEBHOOK_SECRET"), "ORIGIN_WEBHOOK_SECRET"],
  ["a webhook secret of another form", { ...valid, ORIGIN_WEBHOOK_SECRET: "x".repeat(60) }, "ORIGIN_WEBHOOK_SECRET"],
  [
    "a short webhook secret",
    { ...valid, ORIGIN_WEBHOOK_SECRET: `whsec_${btoa("x".repeat(24))}` },
    "ORIGIN_WEBHOOK_SECRET",
  ],
  ["token keys that are no JSON", { ...valid, TOKEN_KEYS: "[" }, "TOKEN_KEYS"],
  ["an empty ring", ring(), "TOKEN_KEYS"],
  ["a short key", ring(hmacKey({ secret: "A".repeat(42) })), "TOKEN_KEYS.k1.secret"],
  ["a kid twice", ring(hmacKey(), hmacKey({ secret: "B".repeat(42) + "A" })), "TOKEN_KEYS"],
  ["a secret under two kids", ring(hmacKey(), hmacKey({ kid: "k2" })), "TOKEN_KEYS"],
  ["a key of another kind", ring({ kty: "EC", kid: "k1" }), "TOKEN_KEYS.0.kty"],
  ["an unknown member of a key", ring(hmacKey({ alg: "none" })), "TOKEN_KEYS.0.alg"],
  ["a key that ends before it begins", ring(hmacKey({ notBefore: 5, notAfter: 5 })), "TOKEN_KEYS.k1.notAfter"],
  ["a time key of another curve", timeRing({ crv: "P-384" }), "TIME_KEYS.0.crv"],
  ["a public time key", timeRing({ d: undefined }), "TIME_KEYS.0.d"],
  ["an unknown key in a table", table("TOKEN", { lifetime: 1 }), "TOKEN.lifetime"],
  ["a missing key in a table", table("TOKEN", { lifetime_seconds: undefined }), "TOKEN.lifetime_seconds"],
  ["a text for a number", table("TOKEN", { lifetime_seconds: "60" }), "TOKEN.lifetime_seconds"],
  ["a token that lives too long", table("TOKEN", { lifetime_seconds: 86_400 }), "TOKEN.lifetime_seconds"],
  ["a binding of another kind", table("TOKEN", { binding: "mtls" }), "TOKEN.binding"],
  [
    "orders that leave before hoarding is forgotten",
    table("SALE", { order_retention_seconds: 93_599 }),
    "SALE.order_retention_seconds",
  ],
  ["a copy older than a second", table("SALE", { copy_max_age_ms: 1001 }), "SALE.copy_max_age_ms"],
  [
    "an origin with a path",
    table("GATEWAY", { allowed_origins: ["https://shop.example/"] }),
    "GATEWAY.allowed_origins.0",
  ],
  ["a name with blanks", table("GATEWAY", { name: "my gateway" }), "GATEWAY.name"],
  ["no keys for the identity", table("IDENTITY", { jwks: undefined }), "IDENTITY.jwks_url"],
  ["keys from two places", table("IDENTITY", { jwks_url: "https://shop.example/jwks" }), "IDENTITY.jwks"],
  [
    "keys over plain http",
    table("IDENTITY", { jwks: undefined, jwks_url: "http://shop.example/jwks" }),
    "IDENTITY.jwks_url",
  ],
  ["a shared secret for the identity", table("IDENTITY", { algorithms: ["HS256"] }), "IDENTITY.algorithms.0"],
  ["no algorithm at all", table("IDENTITY", { algorithms: [] }), "IDENTITY.algorithms"],
  ["private identity keys", table("IDENTITY", { jwks: { keys: [{ kty: "EC", d: "AAAA" }] } }), "IDENTITY.jwks"],
  ["no table of hoarding rules", without("HOARDING"), "HOARDING"],
  ["a misspelt hoarding rule", table("HOARDING", { open_holds: 1 }), "HOARDING.open_holds"],
  ["a hoarding rule that is missing", table("HOARDING", { lapses: undefined }), "HOARDING.lapses"],
  ["half an open hold", table("HOARDING", { open_holds_per_buyer: 0.5 }), "HOARDING.open_holds_per_buyer"],
  [
    "a negative budget",
    table("HOARDING", { unpaid_hold_seconds_per_client: -1 }),
    "HOARDING.unpaid_hold_seconds_per_client",
  ],
  ["lapses without a pause", table("HOARDING", { lapses: 3, cooldown_seconds: 0 }), "HOARDING.cooldown_seconds"],
  ["a pause without lapses", table("HOARDING", { lapses: 0, cooldown_seconds: 60 }), "HOARDING.cooldown_seconds"],
  ["a negative pause", table("WRITER", { breaker_pause_seconds: -1 }), "WRITER.breaker_pause_seconds"],
  ["no limits", without("LIMITS"), "LIMITS"],
  [
    "no keys for the challenges that risk demands",
    { ...table("RISK", { mode: "enforce" }), CHALLENGE_KEYS: undefined },
    "CHALLENGE_KEYS",
  ],
  ["no binding", without("PRODUCT"), "PRODUCT"],
];

describe("F11 parseConfig", () => {
  it("accepts what the demo runs with", () => {
    const config = parseConfig(valid);
    expect(config.gateway.name).toBe("sluice");
    expect(config.demo).not.toBeNull();
    expect(parseConfig(without("DEMO")).demo).toBeNull();
  });

  it.each(WRONG)("refuses %s and names the key", (_, vars, key) => {
    const error = errorOf(vars);
    expect(error.key).toBe(key);
    expect(error.message).toContain(key);
  });

  it("never shows a secret's value", () => {
    for (const vars of [
      { ...valid, ADMIN_TOKEN: SHORT },
      { ...valid, TOKEN_KEYS: SHORT },
      ring(hmacKey({ secret: SHORT })),
    ]) {
      expect(errorOf(vars).message).not.toContain(SHORT);
    }
  });

  it("accepts several webhook secrets while they are rotated", () => {
    const second = `whsec_${btoa("y".repeat(32))}`;
    const config = parseConfig({
      ...valid,
      ORIGIN_WEBHOOK_SECRET: `${String(valid["ORIGIN_WEBHOOK_SECRET"])} ${second}`,
    });
    expect(config.webhookSecrets).toHaveLength(2);
  });
});

describe("F11 a gateway with a wrong configuration", () => {
  it.each(["/healthz", "/v1/time", "/v1/products/some", "/demo/identity"])(
    "serves nothing at %s: 503 and one line",
    async (path) => {
      const response = await app.request(path, {}, { ...valid, ADMIN_TOKEN: SHORT });
      expect(response.status).toBe(503);
      const text = await response.text();
      expect(text).toMatch(/^Sluice refuses to serve: ADMIN_TOKEN: [^\n]+\n$/);
      expect(text).not.toContain(SHORT);
    },
  );
});

describe("the demo's sign-in", () => {
  it("does not exist where DEMO is not set", async () => {
    const body = JSON.stringify({ buyerId: "alice" });
    const request = { method: "POST", body };
    const elsewhere = await app.request("/demo/identity", request, without("DEMO"));
    expect(elsewhere.status).toBe(404);
    expect((await app.request("/demo/identity", request, { ...valid })).status).toBe(200);
  });
});
