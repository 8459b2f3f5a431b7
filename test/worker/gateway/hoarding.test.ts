import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  bearer,
  call,
  checkOut,
  gatewayWith,
  makeAddress,
  makeBuyer,
  putProduct,
  takeToken,
} from "../../support/worker/gateway.ts";

afterEach(() => {
  vi.useRealTimers();
});

const OFF = {
  open_holds_per_buyer: 0,
  unpaid_hold_seconds_per_buyer: 0,
  unpaid_hold_seconds_per_client: 0,
  lapses: 0,
  cooldown_seconds: 0,
};

async function storedClients(productId: string): Promise<readonly unknown[]> {
  return runInDurableObject(env.PRODUCT.getByName(productId), (_instance, { storage }) =>
    storage.sql
      .exec("SELECT client FROM orders ORDER BY order_id")
      .toArray()
      .map((row) => row["client"]),
  );
}

describe("one open hold per buyer", () => {
  const send = gatewayWith({ HOARDING: { ...OFF, open_holds_per_buyer: 1 } });

  it("T22 eight checkouts of one buyer at once are one order; the others are told where it is", async () => {
    const id = await putProduct({ perBuyerLimit: 10, holdSeconds: 60 });
    const buyer = makeBuyer();
    const tickets = await Promise.all(Array.from({ length: 8 }, () => takeToken(id, buyer, send)));
    const answers = await Promise.all(tickets.map((ticket) => checkOut(ticket, 1, send)));
    const held = answers.filter(({ status }) => status === 202);
    expect(held).toHaveLength(1);
    const { orderId, statusUrl } = held[0]?.body ?? {};
    for (const answer of answers.filter(({ status }) => status !== 202)) {
      expect(answer.status).toBe(409);
      expect(answer.body).toMatchObject({ code: "hold-open", orderId, statusUrl });
      expect(Number(answer.headers.get("Retry-After"))).toBeGreaterThan(50);
      expect(Number(answer.headers.get("Retry-After"))).toBeLessThanOrEqual(60);
    }
    const shown = await call(String(statusUrl), { headers: await bearer(buyer) });
    expect(shown.body).toMatchObject({ orderId, status: "held" });
  });

  it("T22 its Retry-After is true, with the token that was refused", async () => {
    const id = await putProduct({ perBuyerLimit: 10, holdSeconds: 20 });
    const buyer = makeBuyer();
    const [first, second] = [await takeToken(id, buyer, send), await takeToken(id, buyer, send)];
    expect((await checkOut(first, 1, send)).status).toBe(202);
    const refused = await checkOut(second, 1, send);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + Number(refused.headers.get("Retry-After")) * 1000 });
    expect((await checkOut(second, 1, send)).status).toBe(202);
  });
});

describe("unpaid holds", () => {
  it("T8 of one client's buyers use up one budget; another client's are not asked", async () => {
    const send = gatewayWith({ HOARDING: { ...OFF, unpaid_hold_seconds_per_client: 120 } });
    const id = await putProduct({ holdSeconds: 60 });
    const [address, elsewhere] = [makeAddress(), makeAddress()];
    const from =
      (ip: string): typeof call =>
      (path, options) =>
        send(path, { ...options, address: ip });
    const begun = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now: begun });
    for (const hold of [0, 1]) {
      expect((await checkOut(await takeToken(id, makeBuyer(), from(address)), 1, from(address))).status).toBe(202);
      vi.setSystemTime(begun + (hold + 1) * 60_000);
    }
    const refused = await checkOut(await takeToken(id, makeBuyer(), from(address)), 1, from(address));
    expect(refused.status).toBe(429);
    expect(refused.body["code"]).toBe("hoarding");
    expect(refused.headers.get("Retry-After")).toBe(String(86_400 - 60));
    expect((await checkOut(await takeToken(id, makeBuyer(), from(elsewhere)), 1, from(elsewhere))).status).toBe(202);
    const stored = await storedClients(id);
    expect(stored).toEqual(Array(3).fill(expect.stringMatching(/^[A-Za-z0-9_-]{22}$/)));
    expect(new Set(stored).size).toBe(2);
  });

  it("stores nothing of the client where nothing is counted per client", async () => {
    const send = gatewayWith({ HOARDING: OFF });
    const id = await putProduct();
    expect((await checkOut(await takeToken(id, makeBuyer(), send), 1, send)).status).toBe(202);
    expect(await storedClients(id)).toEqual([null]);
  });

  it("T8 the demo's own rules leave two orders within the cap, and nine lapses in a row, alone", async () => {
    const id = await putProduct({ perBuyerLimit: 2, holdSeconds: 120, closesAt: Date.now() + 86_400_000 });
    const buyer = makeBuyer();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    expect((await checkOut(await takeToken(id, buyer))).status).toBe(202);
    expect((await checkOut(await takeToken(id, buyer))).status).toBe(202);
    for (let lapsed = 2; lapsed < 10; lapsed++) {
      vi.setSystemTime(Date.now() + 120_000);
      expect((await checkOut(await takeToken(id, buyer))).status).toBe(202);
    }
    vi.setSystemTime(Date.now() + 120_000);
    const refused = await checkOut(await takeToken(id, buyer));
    expect(refused.body["code"]).toBe("hoarding");
    expect(refused.headers.get("Retry-After")).toBe("600");
  });
});
