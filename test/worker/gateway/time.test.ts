import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { describe, expect, it, vi } from "vitest";
import { call } from "../../support/worker/gateway.ts";

describe("GET /v1/time", () => {
  it("tells the gateway's clock in at most 64 bytes, uncached", async () => {
    const before = Date.now();
    const answer = await call("/v1/time");
    expect(Object.keys(answer.body)).toEqual(["now"]);
    expect(answer.body["now"]).toBeGreaterThanOrEqual(before);
    expect(answer.body["now"]).toBeLessThanOrEqual(Date.now());
    expect(JSON.stringify(answer.body).length).toBeLessThanOrEqual(64);
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
  });

  it.each(["?signed", "?signed=1"])("%s can be verified by a third party with the JWKS", async (query) => {
    const { body } = await call(`/v1/time${query}`);
    const jwks = (await call("/.well-known/jwks.json")).body as unknown as JSONWebKeySet;
    expect(jwks.keys.every((key) => !("d" in key))).toBe(true);
    const { payload } = await jwtVerify(String(body["jws"]), createLocalJWKSet(jwks), {
      audience: "sluice",
      issuer: "sluice",
    });
    expect(payload["now"]).toBe(body["now"]);
    expect(payload.iat).toBe(Math.floor(Number(body["now"]) / 1000));
  });

  it("F10 follows no clock but its own", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: 1_900_000_000_000 });
    const answer = await call("/v1/time", { headers: { Date: "Thu, 01 Jan 1970 00:00:00 GMT" } });
    vi.useRealTimers();
    expect(answer.body).toEqual({ now: 1_900_000_000_000 });
  });
});
