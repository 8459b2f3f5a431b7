import * as v from "valibot";
import { afterEach, describe, expect, it, vi } from "vitest";
import { holdResponse, orderResponse, replayedHoldResponse } from "../../../src/wire/responses.ts";
import { bearer, call, checkOut, holdOne, operator, pay, putProduct, takeToken } from "../../support/worker/gateway.ts";

afterEach(() => {
  vi.useRealTimers();
});

async function showOrder(productId: string, orderId: string, buyerId: string) {
  return call(`/v1/products/${productId}/orders/${orderId}`, { headers: await bearer(buyerId) });
}

async function cancel(productId: string, orderId: string, buyerId: string) {
  return call(`/v1/products/${productId}/orders/${orderId}/cancel`, { method: "POST", headers: await bearer(buyerId) });
}

describe("POST .../checkout/{gate}", () => {
  it("holds units for an order: 202 and where to look", async () => {
    const id = await putProduct({ holdSeconds: 90 });
    const before = Date.now();
    const answer = await checkOut(await takeToken(id, "alice"), 2);
    expect(answer.status).toBe(202);
    const held = v.parse(holdResponse, answer.body);
    expect(held.holdExpiresAt).toBeGreaterThanOrEqual(before + 90_000);
    expect(held.statusUrl).toBe(`/v1/products/${id}/orders/${held.orderId}`);
    expect(answer.headers.get("Location")).toBe(held.statusUrl);
    expect(held.orderId).toMatch(/^[0-9a-z]{38}$/);
  });

  it("tells each of those who come together his own order and request, in headers too", async () => {
    const id = await putProduct({ stock: 20 });
    const tickets = await Promise.all(Array.from({ length: 20 }, (_, index) => takeToken(id, `together-${index}`)));
    const answers = await Promise.all(tickets.map((ticket) => checkOut(ticket)));
    const held = answers.map(({ body }) => v.parse(holdResponse, body));
    expect(answers.map(({ headers }) => headers.get("Location"))).toEqual(held.map(({ statusUrl }) => statusUrl));
    expect(new Set(answers.map(({ headers }) => headers.get("X-Request-Id"))).size).toBe(20);
    expect(new Set(held.map(({ orderId }) => orderId)).size).toBe(20);
    const [first] = answers;
    const names = [...(first?.headers.keys() ?? [])].toSorted();
    for (const { headers } of answers) expect([...headers.keys()].toSorted()).toEqual(names);
  });

  it("F2 gives the same order for the same token and body, whatever became of it", async () => {
    const id = await putProduct();
    const ticket = await takeToken(id, "alice");
    const { orderId } = v.parse(holdResponse, (await checkOut(ticket)).body);
    const again = await checkOut(ticket);
    expect(again.status).toBe(200);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    expect(v.parse(replayedHoldResponse, again.body)).toMatchObject({ orderId, status: "held" });
    await pay(id, orderId, "pay-1");
    expect((await checkOut(ticket)).body).toMatchObject({ orderId, status: "paid" });
    await call(`/v1/admin/products/${id}/close`, { method: "POST", headers: operator() });
    expect((await checkOut(ticket)).body).toMatchObject({ orderId, status: "paid" });
  });

  it("refuses the same token with another body", async () => {
    const ticket = await takeToken(await putProduct(), "alice");
    expect((await checkOut(ticket, 1)).status).toBe(202);
    const other = await checkOut(ticket, 2);
    expect(other.status).toBe(422);
    expect(other.body["code"]).toBe("token-mismatch");
  });

  it("T2 makes one order of one token from many connections", async () => {
    const id = await putProduct();
    const ticket = await takeToken(id, "many-hands");
    const answers = await Promise.all(Array.from({ length: 100 }, () => checkOut(ticket)));
    expect(
      answers
        .map((answer) => answer.status)
        .toSorted((a, b) => a - b)
        .slice(-2),
    ).toEqual([200, 202]);
    expect(new Set(answers.map((answer) => answer.body["orderId"])).size).toBe(1);
  });

  it("T7 keeps a buyer within the round's cap", async () => {
    const id = await putProduct({ perBuyerLimit: 2 });
    expect((await checkOut(await takeToken(id, "capped"), 1)).status).toBe(202);
    const over = await checkOut(await takeToken(id, "capped"), 2);
    expect(over.status).toBe(409);
    expect(over.body).toMatchObject({ code: "buyer-limit", perBuyerLimit: 2 });
    expect((await checkOut(await takeToken(id, "capped"), 1)).status).toBe(202);
  });

  it("tells held out apart from sold out", async () => {
    const id = await putProduct({ stock: 1 });
    const late = await takeToken(id, "late");
    const orderId = await holdOne(id, "quick");
    const heldOut = await checkOut(late);
    expect(heldOut.status).toBe(409);
    expect(heldOut.body["code"]).toBe("held-out");
    const wait = Number(heldOut.headers.get("Retry-After")) * 1000;
    const until = Number(heldOut.body["nextReleaseAt"]) - Date.now();
    expect(wait).toBeGreaterThanOrEqual(until);
    expect(wait).toBeLessThan(until + 1100);
    await pay(id, orderId, "pay-1");
    const soldOut = await checkOut(late);
    expect(soldOut.status).toBe(410);
    expect(soldOut.body).toMatchObject({ code: "sold-out", available: 0 });
    const noToken = await call(`/v1/products/${id}/tokens`, { method: "POST", headers: await bearer("latest") });
    expect(noToken.body["code"]).toBe("sold-out");
  });

  it.each([
    ["pause", 503, "paused"],
    ["close", 410, "round-closed"],
  ])("after %s is refused with %i %s", async (action, status, code) => {
    const id = await putProduct();
    const ticket = await takeToken(id, "refused");
    await call(`/v1/admin/products/${id}/${action}`, { method: "POST", headers: operator() });
    const answer = await checkOut(ticket);
    expect([answer.status, answer.body["code"]]).toEqual([status, code]);
    const token = await call(`/v1/products/${id}/tokens`, { method: "POST", headers: await bearer("refused") });
    expect([token.status, token.body["code"]]).toEqual([status, code]);
  });

  it("F10 follows the gateway's clock when the round closes", async () => {
    const closesAt = Date.now() + 60_000;
    const id = await putProduct({ closesAt });
    const ticket = await takeToken(id, "last");
    vi.useFakeTimers({ toFake: ["Date"], now: closesAt });
    const answer = await call(ticket.checkoutUrl, {
      headers: { "Purchase-Token": ticket.token, Date: new Date(closesAt - 3_600_000).toUTCString() },
      body: { quantity: 1 },
    });
    expect(answer.body["code"]).toBe("round-closed");
  });
});

describe("order", () => {
  it("is shown to its buyer", async () => {
    const id = await putProduct();
    const orderId = await holdOne(id, "alice");
    const answer = await showOrder(id, orderId, "alice");
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
    expect(v.parse(orderResponse, answer.body)).toMatchObject({
      orderId,
      productId: id,
      round: 1,
      status: "held",
      delivered: false,
    });
  });

  it("T18 does not exist for anyone else", async () => {
    const id = await putProduct();
    const orderId = await holdOne(id, "alice");
    expect((await showOrder(id, orderId, "mallory")).status).toBe(404);
    expect((await cancel(id, orderId, "mallory")).status).toBe(404);
    expect((await showOrder(await putProduct(), orderId, "alice")).status).toBe(404);
    expect((await call(`/v1/products/${id}/orders/${orderId}`)).status).toBe(401);
    expect((await showOrder(id, orderId, "alice")).body["status"]).toBe("held");
  });

  it("is cancelled by its buyer, as often as he likes, and its units are back", async () => {
    const id = await putProduct({ stock: 1 });
    const orderId = await holdOne(id, "alice");
    for (let time = 0; time < 2; time++) {
      const answer = await cancel(id, orderId, "alice");
      expect(answer.status).toBe(200);
      expect(v.parse(orderResponse, answer.body).status).toBe("cancelled");
    }
    await holdOne(id, "bob");
  });

  it("that is paid is not the buyer's to cancel", async () => {
    const id = await putProduct();
    const orderId = await holdOne(id, "alice");
    await pay(id, orderId, "pay-1");
    const answer = await cancel(id, orderId, "alice");
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({ code: "wrong-state", status: 409, orderStatus: "paid" });
  });

  it("has expired the moment its time is over", async () => {
    const id = await putProduct({ holdSeconds: 5 });
    const orderId = await holdOne(id, "alice");
    const { holdExpiresAt } = (await showOrder(id, orderId, "alice")).body;
    vi.useFakeTimers({ toFake: ["Date"], now: Number(holdExpiresAt) - 1 });
    expect((await showOrder(id, orderId, "alice")).body["status"]).toBe("held");
    vi.setSystemTime(Number(holdExpiresAt));
    expect((await showOrder(id, orderId, "alice")).body).toMatchObject({ status: "expired", updatedAt: holdExpiresAt });
  });

  it.each(["nothing", "0".repeat(38), "%2e%2e%2f", "0".repeat(5000)])(
    "with the id %s is not found",
    async (orderId) => {
      expect((await showOrder(await putProduct(), orderId, "alice")).status).toBe(404);
    },
  );
});
