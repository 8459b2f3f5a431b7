/**
 * Floors: the least program that could do each of the gateway's jobs on this platform, written plainly with hono, jose and
 * WebCrypto. Nothing here is the gateway's; what the gateway costs above its floor is what its rules cost, and how far a
 * floor is from a target is how far the platform is.
 *
 * Each answers as many bytes as the gateway does. What each gives up is said where it is written; none may be used for a sale.
 */
import { type Context, Hono } from "hono";
import { importJWK, jwtVerify, SignJWT } from "jose";
import type { FloorEnv, FloorHold, FloorLedgerApi } from "./floors/floor-env.ts";
import { writeOrders } from "./floors/floor-writer.ts";

export { FloorCounts } from "./floors/floor-counts.ts";
export { FloorLedger, TellingFloorLedger } from "./floors/floor-ledger.ts";

/** Of one product and one buyer, as the gateway's answers have them. */
const PRODUCT = "bench";
const ISSUER = "sluice";
const AUDIENCE = "sluice/checkout";
const TYPE = "sluice-purchase+jwt";
const GATE = "AAAAAAAAAAAAAAAAAAAAAA";
const LIFETIME_MS = 120_000;
const HOLD_MS = 600_000;
const JTI_BYTES = 16;
/** As wrangler.toml has them: tokens in a minute, of one address and of one buyer. */
const ADDRESS_LIMIT = 60;
const BUYER_LIMIT = 10;

/** As many bytes as the gateway answers beside a body. */
const HEADERS = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
};
/** A limit's fields, as the gateway's policies of that call say them: bytes only. */
const CHECKOUT_POLICY = `"checkout-per-client";q=600;w=60`;
const READ_POLICY = `"read-per-client";q=300;w=10`;
const TOKEN_LIMITS = {
  RateLimit: `"token-per-client";r=59;t=60, "token-per-buyer";r=9;t=60`,
  "RateLimit-Policy": `${READ_POLICY}, "token-sieve";q=500;w=10, "token-per-client";q=60;w=60, "token-per-buyer";q=10;w=60`,
};
const PROBLEM = "application/problem+json";
const TOKEN_INVALID = JSON.stringify({
  type: "/problems/token-invalid",
  title: "Purchase token invalid",
  status: 403,
  code: "token-invalid",
  detail: "The purchase token was not accepted for this checkout",
});
const SOLD_OUT = JSON.stringify({ type: "/problems/sold-out", title: "Sold out", status: 410, code: "sold-out" });
const RATE_LIMITED = JSON.stringify({ type: "/problems/rate-limited", status: 429, code: "rate-limited" });
const IDENTITY_INVALID = JSON.stringify({ type: "/problems/identity-invalid", status: 401, code: "identity-invalid" });

interface Claims {
  readonly sub: string;
  readonly exp: number;
}

interface Keys {
  readonly token: CryptoKey;
  readonly shop: CryptoKey;
}

/** Imported once an isolate. The keys are kept, not the promise of them: on Workers that belongs to one request. */
let keys: Keys | undefined;

async function importKeys({ TOKEN_SECRET, SHOP }: FloorEnv): Promise<Keys> {
  const secret = Uint8Array.fromBase64(TOKEN_SECRET, { alphabet: "base64url" });
  const token = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
    "verify",
  ]);
  const shop = await importJWK(SHOP.jwk, "ES256");
  if (shop instanceof Uint8Array) throw new Error("Expected a public key of the shop, found a secret");
  keys = { token, shop };
  return keys;
}

const encoder = new TextEncoder();

/** One HMAC over the token's first two segments; its claims are read only then. Null: it is none of ours, or over. */
async function verifyToken(token: string, { token: key }: Keys): Promise<Claims | null> {
  const [header = "", payload = "", signature = ""] = token.split(".");
  const mac = Uint8Array.fromBase64(signature, { alphabet: "base64url" });
  if (!(await crypto.subtle.verify("HMAC", key, mac, encoder.encode(`${header}.${payload}`)))) return null;
  const text = new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" }));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- signed by whoever has the key
  const claims = JSON.parse(text) as Claims;
  return claims.exp * 1000 > Date.now() ? claims : null;
}

function refusal(body: string, status: number): Response {
  return new Response(body, {
    status,
    headers: {
      "X-Request-Id": crypto.randomUUID(),
      "Content-Type": PROBLEM,
      ...HEADERS,
    },
  });
}

function json(value: unknown, status: number, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { "X-Request-Id": crypto.randomUUID(), "Content-Type": "application/json", ...HEADERS, ...headers },
  });
}

const app = new Hono<{ Bindings: FloorEnv }>();

/** A checkout whose token is looked at, and nothing else. */
app.post("/forged", async (c) => {
  const claims = await verifyToken(c.req.header("Purchase-Token") ?? "", keys ?? (await importKeys(c.env)));
  return claims === null ? refusal(TOKEN_INVALID, 403) : json({ buyerId: claims.sub }, 200);
});

/** The shop's JWT verified, one unit taken of the address's or of both at once, a purchase token signed. */
for (const counting of ["one", "two"] as const) {
  app.post(`/token/${counting}`, async (c) => {
    const { token: tokenKey, shop } = keys ?? (await importKeys(c.env));
    const { issuer, audience } = c.env.SHOP;
    let buyerId: string | undefined;
    try {
      const jwt = c.req.header("Authorization")?.slice("Bearer ".length) ?? "";
      buyerId = (await jwtVerify(jwt, shop, { algorithms: ["ES256"], issuer, audience })).payload.sub;
    } catch {
      return refusal(IDENTITY_INVALID, 401);
    }
    if (buyerId === undefined) return refusal(IDENTITY_INVALID, 401);
    const address = c.req.header("CF-Connecting-IP") ?? "unknown";
    const takes = [c.env.COUNTS.getByName("address").take(address, ADDRESS_LIMIT)];
    // The object of an address cannot know a buyer's count.
    if (counting === "two") takes.push(c.env.COUNTS.getByName("buyer").take(buyerId, BUYER_LIMIT));
    if ((await Promise.all(takes)).includes(false)) return refusal(RATE_LIMITED, 429);
    const now = Date.now();
    const token = await new SignJWT({ pid: PRODUCT, rnd: 1, ims: now })
      .setProtectedHeader({ alg: "HS256", typ: TYPE, kid: c.env.TOKEN_KID })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(buyerId)
      .setJti(crypto.getRandomValues(new Uint8Array(JTI_BYTES)).toBase64({ alphabet: "base64url", omitPadding: true }))
      .setIssuedAt(Math.floor(now / 1000))
      .setExpirationTime(Math.floor((now + LIFETIME_MS) / 1000))
      .sign(tokenKey);
    const checkoutUrl = `/v1/products/${PRODUCT}/checkout/${GATE}`;
    return json({ token, expiresAt: now + LIFETIME_MS, checkoutUrl }, 201, TOKEN_LIMITS);
  });
}

const LEDGERS = {
  untold: ({ LEDGER }: FloorEnv) => LEDGER,
  told: ({ TELLING_LEDGER }: FloorEnv) => TELLING_LEDGER,
} satisfies Record<string, (env: FloorEnv) => DurableObjectNamespace<FloorLedgerApi>>;

interface Waiting {
  readonly hold: FloorHold;
  /** `undefined`: call for all who wait. */
  readonly settle: (orderId: string | null | undefined) => void;
}

type Call = (env: FloorEnv, holds: readonly FloorHold[]) => Promise<readonly (string | null)[]>;

/** Who waits for a timer of his own is not taken for hung. In milliseconds. */
const PATIENCE_MS = 2000;

/**
 * Who comes while a call is on its way shares the next one, as in the gateway (decision 0042). What it gives up: those behind one who
 * leaves, and whose shared call fails, wait for ever; and a far object would make everybody wait for two of its ways.
 */
class SharedCalls {
  readonly #call: Call;
  #line: Waiting[] = [];
  #isCalling = false;

  constructor(call: Call) {
    this.#call = call;
  }

  async hold({ env, executionCtx }: Context<{ Bindings: FloorEnv }>, hold: FloorHold): Promise<string | null> {
    const said = this.#isCalling ? await this.#wait(hold) : undefined;
    if (said !== undefined) return said;
    const led = this.#lead(env, hold);
    executionCtx.waitUntil(led);
    return led;
  }

  /** Whoever waits has left long ago. */
  forget(): void {
    this.#line = [];
  }

  async #wait(hold: FloorHold): Promise<string | null | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | null | undefined>();
    this.#line.push({ hold, settle: resolve });
    const patience = setTimeout(() => {}, PATIENCE_MS);
    const said = await promise;
    clearTimeout(patience);
    return said;
  }

  async #lead(env: FloorEnv, hold: FloorHold): Promise<string | null> {
    this.#isCalling = true;
    const company = this.#line.splice(0);
    const [own = null, ...others] = await this.#call(env, [hold, ...company.map((waiting) => waiting.hold)]);
    this.#isCalling = false;
    company.forEach(({ settle }, index) => settle(others[index] ?? null));
    this.#line.shift()?.settle(undefined);
    return own;
  }
}

for (const [name, ledgerOf] of Object.entries(LEDGERS)) {
  const ledger = (env: FloorEnv) => ledgerOf(env).getByName(PRODUCT);
  const calls = new SharedCalls(async (env, holds) => await ledger(env).hold(holds));

  /** A token verified, the body read, one unit held. */
  app.post(`/hold/${name}`, async (c) => {
    const claims = await verifyToken(c.req.header("Purchase-Token") ?? "", keys ?? (await importKeys(c.env)));
    if (claims === null) return refusal(TOKEN_INVALID, 403);
    const { quantity } = await c.req.json<{ quantity: unknown }>();
    if (quantity !== 1) return refusal(TOKEN_INVALID, 400);
    const now = Date.now();
    const proposedId = crypto.randomUUID();
    const orderId = await calls.hold(c, { buyerId: claims.sub, orderId: proposedId, at: now });
    if (orderId === null) return refusal(SOLD_OUT, 410);
    const statusUrl = `/v1/products/${PRODUCT}/orders/${orderId}`;
    const order = { orderId, status: "held", quantity, holdExpiresAt: now + HOLD_MS, statusUrl };
    const headers = { Location: statusUrl, "RateLimit-Policy": `${READ_POLICY}, ${CHECKOUT_POLICY}` };
    return json(order, orderId === proposedId ? 202 : 200, headers);
  });

  app.get(`/books/${name}`, async (c) => c.json(await ledger(c.env).books()));
  app.post(`/books/${name}`, async (c) => {
    const { stock } = await c.req.json<{ stock: number }>();
    calls.forget();
    await ledger(c.env).reset(stock);
    return c.body(null, 204);
  });
}

app.get("/counts/:name", async (c) => c.json(await c.env.COUNTS.getByName(c.req.param("name")).taken()));

export default { fetch: app.fetch, queue: writeOrders } satisfies ExportedHandler<FloorEnv, string>;
