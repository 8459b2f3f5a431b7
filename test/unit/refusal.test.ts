import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { refuse } from "../../src/problem.ts";
import { REFUSALS, type Refusal } from "../../src/refusal.ts";

/** One of each code, with what it carries and what the wire contract says of it. */
const TOLD: readonly (readonly [Refusal, number, Record<string, unknown>, Record<string, string>])[] = [
  [
    { code: "invalid-request", errors: [{ path: "a", message: "Is missing" }] },
    400,
    { errors: [{ path: "a", message: "Is missing" }] },
    {},
  ],
  [{ code: "identity-required" }, 401, {}, { "WWW-Authenticate": "Bearer" }],
  [{ code: "identity-invalid" }, 401, {}, {}],
  [{ code: "proof-required" }, 401, {}, { "WWW-Authenticate": 'DPoP algs="ES256"' }],
  [{ code: "admin-required" }, 401, {}, {}],
  [{ code: "signature-invalid" }, 401, {}, {}],
  [{ code: "challenge-required", challenge: { kind: "pow" } }, 403, { challenge: { kind: "pow" } }, {}],
  [{ code: "challenge-failed" }, 403, {}, {}],
  [{ code: "not-eligible" }, 403, {}, {}],
  [{ code: "token-invalid" }, 403, {}, {}],
  [{ code: "token-expired" }, 403, {}, {}],
  [{ code: "gate-invalid" }, 403, {}, {}],
  [{ code: "not-found" }, 404, {}, {}],
  [{ code: "method-not-allowed", allow: ["GET", "HEAD"] }, 405, {}, { Allow: "GET, HEAD" }],
  [
    { code: "hold-open", productId: "p-1", orderId: "o-1", retryAfterSeconds: 4 },
    409,
    { orderId: "o-1", statusUrl: "/v1/products/p-1/orders/o-1" },
    { "Retry-After": "4" },
  ],
  [{ code: "buyer-limit", perBuyerLimit: 2 }, 409, { perBuyerLimit: 2 }, {}],
  [{ code: "held-out", nextReleaseAt: 5, retryAfterSeconds: 3 }, 409, { nextReleaseAt: 5 }, { "Retry-After": "3" }],
  [{ code: "wrong-state", status: "paid" }, 409, { orderStatus: "paid" }, {}],
  [{ code: "sold-out", available: 0 }, 410, { available: 0 }, {}],
  [{ code: "round-closed" }, 410, {}, {}],
  [{ code: "payload-too-large", limitBytes: 8192 }, 413, { limitBytes: 8192 }, {}],
  [{ code: "token-mismatch" }, 422, {}, {}],
  [{ code: "too-early", opensAt: 7, retryAfterSeconds: 2 }, 425, { opensAt: 7 }, { "Retry-After": "2" }],
  [
    { code: "rate-limited", retryAfterSeconds: 9, rateLimit: '"p";r=0', rateLimitPolicy: '"p";q=1;w=1' },
    429,
    {},
    { "Retry-After": "9", RateLimit: '"p";r=0', "RateLimit-Policy": '"p";q=1;w=1' },
  ],
  [{ code: "hoarding", retryAfterSeconds: 60 }, 429, {}, { "Retry-After": "60" }],
  [{ code: "limiter-unavailable", retryAfterSeconds: 1 }, 503, {}, { "Retry-After": "1" }],
  [{ code: "overloaded", retryAfterSeconds: 1 }, 503, {}, { "Retry-After": "1" }],
  [{ code: "paused", retryAfterSeconds: 5 }, 503, {}, { "Retry-After": "5" }],
];

describe("refuse", () => {
  it("is held here for every code that there is", () => {
    expect(TOLD.map(([refusal]) => refusal.code).toSorted()).toEqual(Object.keys(REFUSALS).toSorted());
  });

  it.each(TOLD)("tells $code as the contract says", async (refusal, status, fields, headers) => {
    const app = new Hono().get("/", (c) => refuse(c, refusal));
    const response = await app.request("/");
    expect(response.status).toBe(status);
    expect(response.headers.get("Content-Type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({
      type: `/problems/${refusal.code}`,
      status,
      code: refusal.code,
      ...fields,
    });
    for (const [name, value] of Object.entries(headers)) expect(response.headers.get(name)).toBe(value);
  });

  it.each(TOLD)("tells $code the third time as the first, and what comes between by itself", async (refusal) => {
    const others: readonly Refusal[] = [
      { code: "too-early", opensAt: 8, retryAfterSeconds: 2 },
      { code: "sold-out", available: 1 },
      { code: "rate-limited", retryAfterSeconds: 9 },
      { code: "wrong-state", status: "paid", detail: "It is paid" },
      { code: "overloaded", retryAfterSeconds: 2, detail: "Lost" },
    ];
    const app = new Hono()
      .get("/", (c) => refuse(c, refusal))
      .get("/:index", (c) => refuse(c, others[Number(c.req.param("index"))] ?? refusal));
    const ask = async (path: string) => {
      const response = await app.request(path);
      return { headers: [...response.headers], body: await response.json() };
    };
    const first = await ask("/");
    expect(await ask("/")).toEqual(first);
    for (const index of others.keys()) expect(await ask(`/${index}`)).not.toEqual(first);
    expect([await ask("/"), await ask("/")]).toEqual([first, first]);
  });
});
