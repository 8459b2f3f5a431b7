import * as v from "valibot";
import { afterEach, describe, expect, it, vi } from "vitest";
import { originOrderResponse } from "../../../src/wire/responses.ts";
import {
  call,
  holdOne,
  makeBuyer,
  operator,
  pay,
  putProduct,
  secret,
  signCallback,
} from "../../support/worker/gateway.ts";

afterEach(() => {
  vi.useRealTimers();
});

async function cancel(productId: string, orderId: string, body = "{}") {
  const path = `/v1/origin/products/${productId}/orders/${orderId}/cancel`;
  return call(path, { headers: signCallback(body), body });
}

describe("POST .../payment", () => {
  it("pays a held order", async () => {
    const id = await putProduct();
    const buyerId = makeBuyer("alice");
    const orderId = await holdOne(id, buyerId);
    const answer = await pay(id, orderId, "pay-1");
    expect(answer.status).toBe(200);
    expect(v.parse(originOrderResponse, answer.body)).toMatchObject({ status: "paid", paymentId: "pay-1", buyerId });
  });

  it("answers the same payment the same, and refuses another", async () => {
    const id = await putProduct();
    const orderId = await holdOne(id, makeBuyer("alice"));
    const first = await pay(id, orderId, "pay-1");
    expect((await pay(id, orderId, "pay-1")).body).toEqual({ ...first.body, delivered: false });
    const other = await pay(id, orderId, "pay-2");
    expect(other.status).toBe(409);
    expect(other.body).toMatchObject({ code: "wrong-state", orderStatus: "paid" });
  });

  it("that comes late takes a unit if one is left, and is due back otherwise", async () => {
    const id = await putProduct({ stock: 1, holdSeconds: 5 });
    const first = await holdOne(id, "late-and-lucky");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 6000 });
    const second = await holdOne(id, "quick");
    expect((await pay(id, first, "pay-1")).body["status"]).toBe("refund_due");
    vi.setSystemTime(Date.now() + 6000);
    expect((await pay(id, second, "pay-2")).body["status"]).toBe("paid");
  });

  it("of an order that does not exist is not found", async () => {
    expect((await pay(await putProduct(), "0".repeat(38), "pay-1")).status).toBe(404);
    expect((await pay("no-such-product", "0".repeat(38), "pay-1")).status).toBe(404);
  });

  it.each([
    ["{}"],
    ['{"paymentId":"a\\u0000b"}'],
    ['{"paymentId":""}'],
    ['{"paymentId":1}'],
    ['{"paymentId":"x","amount":1}'],
    ["[]"],
    ["paymentId"],
  ])("refuses the body %s", async (body) => {
    const id = await putProduct();
    const path = `/v1/origin/products/${id}/orders/${await holdOne(id, makeBuyer("alice"))}/payment`;
    const answer = await call(path, { headers: signCallback(body), body });
    expect([answer.status, answer.body["code"]]).toEqual([400, "invalid-request"]);
  });
});

describe("POST .../cancel", () => {
  it("releases a hold, repeatedly harmless, and never a paid order", async () => {
    const id = await putProduct({ stock: 2 });
    const [held, paid] = [await holdOne(id, makeBuyer("alice")), await holdOne(id, makeBuyer("bob"))];
    await pay(id, paid, "pay-1");
    expect((await cancel(id, held, '{"reason":"payment failed"}')).body["status"]).toBe("cancelled");
    expect((await cancel(id, held, "")).body["status"]).toBe("cancelled");
    expect((await cancel(id, paid)).status).toBe(409);
    const { body } = await call(`/v1/admin/products/${id}`, { headers: operator() });
    expect(body).toMatchObject({ available: 1, held: 0, paid: 1 });
  });
});

describe("T17 signature", () => {
  const body = JSON.stringify({ paymentId: "pay-1" });

  async function send(headers: Record<string, string>, sent: string = body) {
    const id = await putProduct();
    const orderId = await holdOne(id, makeBuyer("alice"));
    return call(`/v1/origin/products/${id}/orders/${orderId}/payment`, { headers, body: sent });
  }

  it.each([
    ["nothing", () => ({})],
    ["another secret", () => signCallback(body, { secret: `whsec_${btoa("x".repeat(32))}` })],
    ["a time five minutes ago", () => signCallback(body, { at: Date.now() - 301_000 })],
    ["a time in five minutes", () => signCallback(body, { at: Date.now() + 302_000 })],
    ["another id than signed", () => ({ ...signCallback(body), "webhook-id": "msg_other" })],
    [
      "another time than signed",
      () => ({ ...signCallback(body), "webhook-timestamp": String(Math.floor(Date.now() / 1000) - 1) }),
    ],
    [
      "a time with something behind",
      () => {
        const headers = signCallback(body);
        return { ...headers, "webhook-timestamp": `${headers["webhook-timestamp"]}x` };
      },
    ],
    ["no version", () => ({ ...signCallback(body), "webhook-signature": "abc" })],
    [
      "a foreign version",
      () => {
        const headers = signCallback(body);
        return { ...headers, "webhook-signature": (headers["webhook-signature"] ?? "").replace("v1,", "v2,") };
      },
    ],
  ])("with %s is refused", async (_, headers) => {
    const answer = await send(headers());
    expect([answer.status, answer.body["code"]]).toEqual([401, "signature-invalid"]);
  });

  it("covers the raw bytes: another blank is another message", async () => {
    expect((await send(signCallback(body), `${body} `)).body["code"]).toBe("signature-invalid");
  });

  it("may stand among others", async () => {
    const headers = signCallback(body);
    const answer = await send({ ...headers, "webhook-signature": `v1,AAAA v1a,BBBB ${headers["webhook-signature"]}` });
    expect(answer.status).toBe(200);
  });

  it("with the same id for the same message has one effect; for another it is refused", async () => {
    const id = await putProduct({ stock: 3 });
    const [first, second] = [await holdOne(id, makeBuyer("alice")), await holdOne(id, makeBuyer("bob"))];
    const webhook = { id: "msg_once" };
    expect((await pay(id, first, "pay-1", webhook)).body["status"]).toBe("paid");
    expect((await pay(id, first, "pay-1", webhook)).body["status"]).toBe("paid");
    const other = await pay(id, second, "pay-1", webhook);
    expect(other.body).toMatchObject({ code: "invalid-request", errors: [{ path: "webhook-id" }] });
  });

  it("is no key to other routes, nor theirs to it", async () => {
    const id = await putProduct();
    const orderId = await holdOne(id, makeBuyer("alice"));
    const path = `/v1/origin/products/${id}/orders/${orderId}/payment`;
    expect((await call(path, { headers: operator(), body })).status).toBe(401);
    expect((await call(`/v1/admin/products/${id}/close`, { method: "POST", headers: signCallback("") })).status).toBe(
      401,
    );
    expect(secret("ADMIN_TOKEN")).not.toBe(secret("ORIGIN_WEBHOOK_SECRET"));
  });
});
