import * as v from "valibot";
import { afterEach, describe, expect, it, vi } from "vitest";
import { productResponse } from "../../../src/wire/responses.ts";
import { call, checkOut, holdOne, operator, pay, putProduct, takeToken } from "../../support/worker/gateway.ts";

afterEach(() => {
  vi.useRealTimers();
});

async function stateOf(id: string) {
  return (await call(`/v1/products/${id}`)).body["state"];
}

async function act(id: string, action: string) {
  return call(`/v1/admin/products/${id}/${action}`, { method: "POST", headers: operator() });
}

describe("GET /v1/products/{id}", () => {
  it("tells what everybody may know, and nothing of gate or stock", async () => {
    const id = await putProduct({ currency: "eur" });
    const answer = await call(`/v1/products/${id}`);
    expect(answer.status).toBe(200);
    expect(v.parse(productResponse, answer.body)).toMatchObject({
      id,
      round: 1,
      state: "open",
      currency: "EUR",
      challenges: [],
      tokenUrl: `/v1/products/${id}/tokens`,
    });
    expect(answer.headers.get("Cache-Control")).toBe("public, max-age=1");
  });

  it("T10 shows neither gate nor token URL before the round opens", async () => {
    const opensAt = Date.now() + 60_000;
    const id = await putProduct({ opensAt });
    const early = await call(`/v1/products/${id}`);
    expect(early.body).toMatchObject({ state: "upcoming", opensAt });
    expect(early.body["tokenUrl"]).toBeUndefined();
    vi.useFakeTimers({ toFake: ["Date"], now: opensAt });
    const open = await call(`/v1/products/${id}`);
    expect(open.body).toMatchObject({ state: "open", tokenUrl: `/v1/products/${id}/tokens` });
  });

  it("goes through the six states", async () => {
    const id = await putProduct({ stock: 1 });
    expect(await stateOf(id)).toBe("open");
    const orderId = await holdOne(id, "first");
    await call(`/v1/admin/products/${id}`, { headers: operator() });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1500 });
    expect(await stateOf(id)).toBe("held-out");
    await pay(id, orderId, "pay-1");
    expect(await stateOf(id)).toBe("sold-out");
    await act(id, "pause");
    expect(await stateOf(id)).toBe("paused");
    await act(id, "resume");
    expect(await stateOf(id)).toBe("sold-out");
    await act(id, "close");
    expect(await stateOf(id)).toBe("closed");
  });

  it("answers 304 to the ETag that it gave, until something changes", async () => {
    const id = await putProduct();
    const etag = (await call(`/v1/products/${id}`)).headers.get("ETag") ?? "";
    const headers = { "If-None-Match": `"other", ${etag}` };
    expect((await call(`/v1/products/${id}`, { headers })).status).toBe(304);
    await act(id, "pause");
    expect((await call(`/v1/products/${id}`, { headers })).status).toBe(200);
  });

  it.each(["UPPER", "a_b", "a".repeat(65), "%2e%2e", "a%00b"])("does not find the name %s", async (id) => {
    expect((await call(`/v1/products/${id}`)).status).toBe(404);
  });
});

describe("the edge's copy", () => {
  it("is at most a second old where another changed the product", async () => {
    const id = await putProduct({ stock: 1 });
    const ticket = await takeToken(id, "copied");
    const late = await takeToken(id, "late");
    expect((await checkOut(ticket)).status).toBe(202);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1001 });
    expect(await stateOf(id)).toBe("held-out");
    expect((await checkOut(late)).body["code"]).toBe("held-out");
  });

  it("promise 3: lets a spent token through to its order when everything is held", async () => {
    const id = await putProduct({ stock: 1 });
    const ticket = await takeToken(id, "answer-lost");
    const held = await checkOut(ticket);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1500 });
    expect(await stateOf(id)).toBe("held-out");
    const again = await checkOut(ticket);
    expect(again.status).toBe(200);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    expect(again.body["orderId"]).toBe(held.body["orderId"]);
  });

  it("promise 6: refuses nobody once the first hold's time is over", async () => {
    const id = await putProduct({ stock: 1, holdSeconds: 30 });
    const [first, second] = [await takeToken(id, "hoarder"), await takeToken(id, "patient")];
    const held = await checkOut(first);
    const refused = await checkOut(second);
    expect(refused.body).toMatchObject({ code: "held-out", nextReleaseAt: held.body["holdExpiresAt"] });
    vi.useFakeTimers({ toFake: ["Date"], now: Number(held.body["holdExpiresAt"]) - 1 });
    expect((await checkOut(second)).body["code"]).toBe("held-out");
    vi.setSystemTime(Number(held.body["holdExpiresAt"]));
    expect((await checkOut(second)).status).toBe(202);
  });
});
