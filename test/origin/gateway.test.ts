import { createScheduledController } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type { ProductDocument } from "../../durable-objects/product/protocol.ts";
import worker from "../../src/index.ts";
import { openDatabase, transact } from "../../src/origin/database.ts";
import { compareBooks, type OriginBook } from "../../src/origin/reconcile.ts";
import { bearer, call, holdOne, makeBuyer, operator, pay, productBody, putProduct } from "../support/worker/gateway.ts";

/** The whole way in one process: the gateway, its queue as wrangler.toml has it, the writer and a real Postgres. */
const database = openDatabase(env.ORIGIN_DB.connectionString, 5000);

async function query<Row extends object>(text: string, values: readonly (string | number)[] = []): Promise<Row[]> {
  return transact(database, async (sql) => [...(await sql.unsafe<Row[]>(text, [...values]))]);
}

/** The queue's batches come within a second or two; the order says when Postgres has it. */
async function untilDelivered(productId: string): Promise<ProductDocument> {
  return vi.waitFor(
    async () => {
      const { body } = await call(`/v1/admin/products/${productId}`, { headers: operator() });
      expect(body).toMatchObject({ outbox: { pending: 0 } });
      return body as unknown as ProductDocument;
    },
    { timeout: 15_000, interval: 100 },
  );
}

async function bookOf(id: string): Promise<OriginBook> {
  const [book] = await query<OriginBook>(
    "SELECT id, round, allocated, held, paid, withdrawn FROM products WHERE id = $1",
    [id],
  );
  if (book === undefined) throw new Error(`Postgres has no row for ${id}`);
  return book;
}

describe("an order", () => {
  it("stands in Postgres once, from hold to payment, with the request that caused each step", async () => {
    const id = await putProduct({ stock: 3 });
    const buyerId = makeBuyer();
    const orderId = await holdOne(id, buyerId);
    await untilDelivered(id);
    expect(
      (await call(`/v1/products/${id}/orders/${orderId}`, { headers: await bearer(buyerId) })).body["delivered"],
    ).toBe(true);
    const paid = await pay(id, orderId, "pay-1");
    const document = await untilDelivered(id);
    const orders = await query(
      "SELECT product_id, round, buyer_id, quantity, status, version, payment_id FROM orders WHERE id = $1",
      [orderId],
    );
    expect(orders).toEqual([
      { product_id: id, round: 1, buyer_id: buyerId, quantity: 1, status: "paid", version: 2, payment_id: "pay-1" },
    ]);
    const events = await query<{ type: string; request_id: string }>(
      "SELECT type, request_id FROM order_events WHERE order_id = $1 ORDER BY version",
      [orderId],
    );
    expect(events.map(({ type }) => type)).toEqual(["order.held", "order.paid"]);
    expect(events[1]?.request_id).toBe(paid.headers.get("X-Request-Id"));
    expect(compareBooks(await bookOf(id), document)).toBeNull();
  });
});

describe('PUT with stock "origin"', () => {
  it("takes the units out of the origin's row, and gives back what is unsold at the close", async () => {
    const id = `p-${crypto.randomUUID()}`;
    await query("INSERT INTO products (id, stock) VALUES ($1, 40)", [id]);
    const put = await call(`/v1/admin/products/${id}`, {
      method: "PUT",
      headers: operator(),
      body: productBody({ stock: "origin" }),
    });
    expect(put.body).toMatchObject({ allocated: 40, available: 40, stockSource: "origin" });
    await pay(id, await holdOne(id, makeBuyer()), "pay-1");
    await holdOne(id, makeBuyer());
    await call(`/v1/admin/products/${id}/close`, { method: "POST", headers: operator() });
    await untilDelivered(id);
    expect(await bookOf(id)).toMatchObject({ round: 1, allocated: 40, held: 0, paid: 1, withdrawn: 39 });
    expect(await query("SELECT stock FROM products WHERE id = $1", [id])).toEqual([{ stock: 39 }]);
    const next = await call(`/v1/admin/products/${id}`, {
      method: "PUT",
      headers: operator(),
      body: productBody({ stock: "origin" }),
    });
    expect(next.body).toMatchObject({ round: 2, allocated: 39 });
  });

  it("takes a row as a stranger would write it", async () => {
    const id = `p-${crypto.randomUUID()}`;
    await query(
      "INSERT INTO products (id, round, allocated, held, paid, withdrawn, version) VALUES ($1, 1, 25, 0, 0, 0, 1)",
      [id],
    );
    const put = await call(`/v1/admin/products/${id}`, {
      method: "PUT",
      headers: operator(),
      body: productBody({ stock: "origin" }),
    });
    expect(put.body).toMatchObject({ round: 1, allocated: 25 });
  });

  it("without such a row is refused and names the key", async () => {
    const put = await call(`/v1/admin/products/p-${crypto.randomUUID()}`, {
      method: "PUT",
      headers: operator(),
      body: productBody({ stock: "origin" }),
    });
    expect([put.status, put.body["errors"]]).toMatchObject([400, [{ path: "stock" }]]);
  });

  it("is refused for a round whose rules are fixed, and takes nothing", async () => {
    const id = await putProduct();
    await untilDelivered(id);
    await query("UPDATE products SET stock = 7 WHERE id = $1", [id]);
    const put = await call(`/v1/admin/products/${id}`, {
      method: "PUT",
      headers: operator(),
      body: productBody({ stock: "origin" }),
    });
    expect(put.body["code"]).toBe("wrong-state");
    expect(await query("SELECT stock FROM products WHERE id = $1", [id])).toEqual([{ stock: 7 }]);
  });
});

describe("dead letters", () => {
  it("are listed and replayed by an operator, and the replay stands in the audit list", async () => {
    const id = await putProduct();
    const eventId = `${id}.made-up`;
    await query(
      `INSERT INTO dead_letters (event_id, product_id, body, reason, attempts, first_failed_at, last_failed_at)
       VALUES ($1, $2, '{"hello":1}', 'a test', 1, now(), now())`,
      [eventId, id],
    );
    const listed = await call("/v1/admin/dead-letters", { headers: operator() });
    expect(listed.body["deadLetters"]).toContainEqual(
      expect.objectContaining({ eventId, productId: id, reason: "a test" }),
    );
    const path = `/v1/admin/dead-letters/${eventId}/replay`;
    expect((await call(path, { method: "POST", headers: operator() })).status).toBe(202);
    expect((await call("/v1/admin/dead-letters/none/replay", { method: "POST", headers: operator() })).status).toBe(
      404,
    );
    const audit = await call(`/v1/admin/products/${id}/audit`, { headers: operator() });
    expect(audit.body["entries"]).toContainEqual(
      expect.objectContaining({ action: "replay-dead-letter", detail: { eventId } }),
    );
  });
});

describe("scheduled", () => {
  it("F4 compares every ledger with Postgres and says where they differ", async () => {
    const [same, cooked] = [await putProduct({ stock: 5 }), await putProduct({ stock: 5 })];
    await untilDelivered(same);
    await untilDelivered(cooked);
    await query("UPDATE products SET allocated = 6 WHERE id = $1", [cooked]);
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await worker.scheduled(createScheduledController(), env);
    const lines = error.mock.calls.map(([line]) => String(line)).filter((line) => line.includes("ledger-differs"));
    error.mockRestore();
    expect(lines.filter((line) => line.includes(same))).toEqual([]);
    expect(lines.filter((line) => line.includes(cooked))).toEqual([
      expect.stringContaining("allocated: 5 in the ledger, 6 in Postgres"),
    ]);
  });
});
