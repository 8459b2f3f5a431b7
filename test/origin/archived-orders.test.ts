/** Orders that left their product's object are answered from Postgres: to their buyer and to the origin, and to nobody else. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { findArchivedOrder } from "../../src/origin/archived-orders.ts";
import { openDatabase, transact } from "../../src/origin/database.ts";
import {
  bearer,
  type Call,
  call,
  gatewayWith,
  holdOne,
  makeBuyer,
  operator,
  pay,
  putProduct,
  signCallback,
} from "../support/worker/gateway.ts";
import { evictProduct, inProduct, runAlarm } from "../support/worker/products.ts";
import { createOriginDatabase, openFaultyWay } from "./origin-database.ts";

const database = openDatabase(env.ORIGIN_DB.connectionString, 5000);

/** A binding, and no table of vars: a plain object would be one. */
class NoDatabase {
  readonly connectionString = "postgres://nobody:nobody@127.0.0.1:1/none";
}

function away(): Call {
  return gatewayWith({ ORIGIN_DB: new NoDatabase() });
}

afterEach(() => {
  vi.restoreAllMocks();
});

async function rowOf(orderId: string): Promise<Record<string, unknown> | undefined> {
  return transact(database, async (sql) => {
    const [row] = await sql`SELECT status, version, payment_id FROM orders WHERE id = ${orderId}`;
    return row;
  });
}

async function untilDelivered(id: string): Promise<void> {
  await vi.waitFor(
    async () => {
      const { body } = await call(`/v1/admin/products/${id}`, { headers: operator() });
      expect(body).toMatchObject({ outbox: { pending: 0 } });
    },
    { timeout: 15_000, interval: 100 },
  );
}

/** As if four days had passed since the orders ended: the object's own clock cannot be moved in here. */
async function letLeave(id: string): Promise<void> {
  await untilDelivered(id);
  await inProduct(id, (_instance, { storage }) =>
    storage.sql.exec("UPDATE orders SET updated_at = updated_at - 345600000 WHERE status <> 'held'"),
  );
  await evictProduct(id);
  await runAlarm(id);
}

/** An order that was cancelled and has left, with a paid one of a closed round beside it where `closed`. */
async function makeScene({ closed = false } = {}) {
  const id = await putProduct({ stock: 5 });
  const [buyerId, payerId] = [makeBuyer(), makeBuyer()];
  const [orderId, paidId] = [await holdOne(id, buyerId), await holdOne(id, payerId)];
  await pay(id, paidId, "pay-1");
  await call(`/v1/products/${id}/orders/${orderId}/cancel`, { method: "POST", headers: await bearer(buyerId) });
  if (closed) await call(`/v1/admin/products/${id}/close`, { method: "POST", headers: operator() });
  const status = `/v1/products/${id}/orders/${orderId}`;
  const before = await call(status, { headers: await bearer(buyerId) });
  await letLeave(id);
  const stored = await inProduct(id, (_instance, { storage }) =>
    storage.sql.exec<{ order_id: string }>("SELECT order_id FROM orders").toArray(),
  );
  expect(stored.map(({ order_id }) => order_id)).toEqual(closed ? [] : [paidId]);
  return { id, buyerId, payerId, orderId, paidId, status, before };
}

describe("an order that left its object", () => {
  it("is shown to its buyer as it was, and not to another", async () => {
    const { status, buyerId, before } = await makeScene();
    const shown = await call(status, { headers: await bearer(buyerId) });
    expect([shown.status, shown.body]).toEqual([200, { ...before.body, delivered: true }]);
    expect(shown.headers.get("Cache-Control")).toBe("no-store");
    expect((await call(status, { headers: await bearer(makeBuyer()) })).status).toBe(404);
    expect((await call(status)).status).toBe(401);
  });

  it("T18 is not found under another product", async () => {
    const { orderId, buyerId } = await makeScene();
    const other = await makeScene();
    const foreign = `/v1/products/${other.id}/orders/${orderId}`;
    expect((await call(foreign, { headers: await bearer(buyerId) })).status).toBe(404);
    expect((await pay(other.id, orderId, "pay-1")).status).toBe(404);
  });

  it("is cancelled again by its buyer, harmlessly; by another it is not found; a paid one is refused", async () => {
    const { id, status, buyerId, payerId, paidId } = await makeScene({ closed: true });
    const cancel = { method: "POST", headers: await bearer(buyerId) };
    expect(await call(`${status}/cancel`, cancel)).toMatchObject({ status: 200, body: { status: "cancelled" } });
    const foreign = await call(`${status}/cancel`, { method: "POST", headers: await bearer(makeBuyer()) });
    expect(foreign.status).toBe(404);
    const paid = `/v1/products/${id}/orders/${paidId}/cancel`;
    const refused = await call(paid, { method: "POST", headers: await bearer(payerId) });
    expect(refused).toMatchObject({ status: 409, body: { code: "wrong-state", orderStatus: "paid" } });
  });

  it("T1 F5 takes a late payment once: paid while there is stock, and Postgres has it as the next version", async () => {
    const { id, orderId, status, buyerId } = await makeScene();
    const paid = await pay(id, orderId, "pay-late");
    expect(paid).toMatchObject({ status: 200, body: { status: "paid", paymentId: "pay-late" } });
    expect(await pay(id, orderId, "pay-late")).toMatchObject({ status: 200, body: { status: "paid" } });
    expect((await pay(id, orderId, "pay-other")).body).toMatchObject({ code: "wrong-state", orderStatus: "paid" });
    await untilDelivered(id);
    expect(await rowOf(orderId)).toEqual({ status: "paid", version: 3, payment_id: "pay-late" });
    expect((await call(status, { headers: await bearer(buyerId) })).body).toMatchObject({ status: "paid" });
    const document = await call(`/v1/admin/products/${id}`, { headers: operator() });
    expect(document.body).toMatchObject({ available: 3, paid: 2, orders: { paid: 2, cancelled: 0 } });
  });

  it("gets a refund in a closed round, and leaves again; the same payment is answered alike for ever", async () => {
    const { id, orderId, paidId } = await makeScene({ closed: true });
    const due = await pay(id, orderId, "pay-late");
    expect(due).toMatchObject({ status: 200, body: { status: "refund_due" } });
    await letLeave(id);
    expect(await rowOf(orderId)).toEqual({ status: "refund_due", version: 3, payment_id: "pay-late" });
    const { delivered: _, ...answer } = due.body;
    const again = await pay(id, orderId, "pay-late");
    expect(again).toMatchObject({ status: 200, body: { status: answer["status"], paymentId: "pay-late" } });
    expect((await pay(id, orderId, "pay-2")).body).toMatchObject({ code: "wrong-state", orderStatus: "refund_due" });
    expect(await pay(id, paidId, "pay-1")).toMatchObject({ status: 200, body: { status: "paid" } });
    expect((await pay(id, paidId, "pay-2")).body).toMatchObject({ code: "wrong-state", orderStatus: "paid" });
  });

  it("is not found once the origin deleted its row", async () => {
    const { id, orderId, status, buyerId } = await makeScene();
    await transact(database, (sql) => sql`DELETE FROM orders WHERE id = ${orderId}`);
    expect((await call(status, { headers: await bearer(buyerId) })).status).toBe(404);
    expect((await pay(id, orderId, "pay-late")).status).toBe(404);
  });
});

describe("an order that left its object, while Postgres is away", () => {
  it("F6 is `overloaded` with Retry-After, and never said not to exist", async () => {
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { id, orderId, status, buyerId } = await makeScene();
    const headers = await bearer(buyerId);
    const body = JSON.stringify({ paymentId: "pay-1" });
    const asked = [
      await away()(status, { headers }),
      await away()(`${status}/cancel`, { method: "POST", headers }),
      await away()(`/v1/origin/products/${id}/orders/${orderId}/payment`, { headers: signCallback(body), body }),
    ];
    for (const answer of asked) {
      expect([answer.status, answer.body["code"], answer.headers.get("Retry-After")]).toEqual([503, "overloaded", "5"]);
    }
    expect(error.mock.calls.filter(([line]) => String(line).includes("archived-order-not-read"))).toHaveLength(3);
    expect(await rowOf(orderId)).toMatchObject({ status: "cancelled", version: 2 });
  });

  it("F6 a Postgres that says nothing is waited for no longer than the time-out", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const silent = await openFaultyWay(await createOriginDatabase("archived_silent"), { kind: "silent" });
    const answer = await findArchivedOrder(
      { ...env, ORIGIN_DB: { connectionString: silent } } as Env,
      { writer: { breakerFailures: 1, breakerPauseMs: 1, timeoutMs: 100 } },
      { productId: "p", orderId: "o" },
    );
    expect(answer).toMatchObject({ ok: false, refusal: { code: "overloaded", retryAfterSeconds: 5 } });
  });

  it("T20 ids that cannot have left cost Postgres nothing; what is in the object is answered", async () => {
    const { id, orderId, paidId, payerId } = await makeScene();
    const headers = await bearer(payerId);
    const path = (order: string) => `/v1/products/${id}/orders/${order}`;
    const later = `00zzzzzzzzzz${orderId.slice(12)}`;
    expect((await away()(path(later), { headers })).status).toBe(404);
    expect((await away()(path("0".repeat(38)), { headers })).status).toBe(404);
    expect((await away()(path(paidId), { headers })).body).toMatchObject({ status: "paid" });
  });
});
