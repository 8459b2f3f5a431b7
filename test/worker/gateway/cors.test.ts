import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { BODY_BYTES_MAX } from "../../../src/body.ts";
import { bearer, call, checkOut, gatewayWith, makeBuyer, putProduct, takeToken } from "../../support/worker/gateway.ts";

const SHOP = "https://shop.example";
const ELSEWHERE = "https://elsewhere.example";
const open = gatewayWith({ GATEWAY: { ...env.GATEWAY, allowed_origins: [SHOP] } });

describe("CORS", () => {
  it("lets no other origin in by default", async () => {
    const answer = await call("/v1/time", { headers: { Origin: ELSEWHERE } });
    expect(answer.headers.get("Access-Control-Allow-Origin")).toBeNull();
  });

  it.each([
    ["an answer", "/v1/time", {}, 200],
    ["a refusal", "/v1/products/none", {}, 404],
    ["no such address", "/v1/nothing", {}, 404],
    ["another method", "/v1/time", { method: "DELETE" }, 405],
    ["a missing identity", "/v1/products/none/orders/none", {}, 401],
    ["a body over the cap", "/v1/products/none/orders/none/cancel", { body: " ".repeat(BODY_BYTES_MAX + 1) }, 413],
  ])("lets a named origin read %s", async (_, path, options, status) => {
    const answer = await open(path, { ...options, headers: { Origin: SHOP } });
    expect(answer.status).toBe(status);
    expect(answer.headers.get("Access-Control-Allow-Origin")).toBe(SHOP);
    expect(answer.headers.get("Access-Control-Expose-Headers")).toContain("Retry-After");
    expect(answer.headers.get("Vary")).toBe("Origin");
    expect(answer.headers.get("X-Request-Id")).not.toBeNull();
    expect(answer.headers.get("Content-Security-Policy")).toContain("default-src 'none'");
    const elsewhere = await open(path, { ...options, headers: { Origin: ELSEWHERE } });
    expect(elsewhere.status).toBe(status);
    expect(elsewhere.headers.get("Access-Control-Allow-Origin")).toBeNull();
  });

  it("lets a body over the cap be read whose length nobody said", async () => {
    const endless = new Response(" ".repeat(BODY_BYTES_MAX + 1)).body;
    const headers = { Origin: SHOP, "Transfer-Encoding": "chunked" };
    const answer = await open("/v1/products/none/orders/none/cancel", { headers, body: endless });
    expect(answer.status).toBe(413);
    expect(answer.headers.get("Access-Control-Allow-Origin")).toBe(SHOP);
  });

  it("lets a named origin see what a checkout says in its headers", async () => {
    const ticket = await takeToken(await putProduct(), makeBuyer());
    await checkOut(ticket);
    const headers = { Origin: SHOP, "Purchase-Token": ticket.token };
    const answer = await open(ticket.checkoutUrl, { headers, body: { quantity: 1 } });
    expect(answer.status).toBe(200);
    const exposed = answer.headers.get("Access-Control-Expose-Headers")?.split(",");
    for (const name of ["Location", "Idempotency-Replayed", "X-Request-Id"]) {
      expect(answer.headers.get(name)).not.toBeNull();
      expect(exposed).toContain(name);
    }
  });

  it("answers a preflight with what may be sent", async () => {
    const id = await putProduct();
    const path = `/v1/products/${id}/tokens`;
    const asked = { "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization" };
    const answer = await open(path, { method: "OPTIONS", headers: { Origin: SHOP, ...asked } });
    expect(answer.status).toBe(204);
    expect(answer.headers.get("Access-Control-Allow-Origin")).toBe(SHOP);
    expect(answer.headers.get("Access-Control-Allow-Methods")).toBe("GET,POST");
    for (const name of ["Authorization", "Content-Type", "Purchase-Token", "DPoP"]) {
      expect(answer.headers.get("Access-Control-Allow-Headers")?.split(",")).toContain(name);
    }
    const token = await open(path, { headers: { Origin: SHOP, ...(await bearer(makeBuyer())) }, body: {} });
    expect(token.status).toBe(201);
    expect(token.headers.get("RateLimit")).not.toBeNull();
    expect(token.headers.get("Access-Control-Expose-Headers")?.split(",")).toContain("RateLimit");
  });
});
