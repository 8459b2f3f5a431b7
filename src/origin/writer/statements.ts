/** Every statement of the writer, each for a whole batch at once. Lists travel as jsonb; nothing here decides. */
import type { TransactionSql } from "postgres";
import type { OrderEvent, ProductEvent } from "../../../durable-objects/product/protocol.ts";
import type { OrderRow, ProductRow } from "./decide-batch.ts";
import { isOrderEvent } from "./parse-event.ts";

/** Makes empty rows for products that Postgres has not heard of. Sorted, so that two writers cannot wait for each other. */
export async function ensureProducts(sql: TransactionSql, productIds: readonly string[]): Promise<void> {
  await sql`
    INSERT INTO products (id)
    SELECT id FROM jsonb_array_elements_text(${sql.json([...productIds])}) AS list (id) ORDER BY id
    ON CONFLICT (id) DO NOTHING`;
}

/** Locks the products' rows until the transaction ends, in the order of their ids: one writer per product at a time. */
export async function lockProducts(sql: TransactionSql, productIds: readonly string[]): Promise<ProductRow[]> {
  return await sql<ProductRow[]>`
    SELECT id, round, claimed_round AS "claimedRound", title, allocated, held, paid, withdrawn, stock,
           stock_version AS "stockVersion", version
    FROM products
    WHERE id IN (SELECT jsonb_array_elements_text(${sql.json([...productIds])}))
    ORDER BY id
    FOR UPDATE`;
}

/** Which of the events were applied before. */
export async function findApplied(sql: TransactionSql, eventIds: readonly string[]): Promise<string[]> {
  const rows = await sql<{ eventId: string }[]>`
    SELECT event_id AS "eventId" FROM order_events
    WHERE event_id IN (SELECT jsonb_array_elements_text(${sql.json([...eventIds])}))`;
  return rows.map((row) => row.eventId);
}

/** The orders as they are. Their products' locks guard them too: nobody else writes orders of a locked product. */
export async function readOrders(sql: TransactionSql, orderIds: readonly string[]): Promise<OrderRow[]> {
  return await sql<OrderRow[]>`
    SELECT id, product_id AS "productId", round, buyer_id AS "buyerId", version, status, quantity FROM orders
    WHERE id IN (SELECT jsonb_array_elements_text(${sql.json([...orderIds])}))`;
}

/** Records the events and returns how many were new. */
export async function recordEvents(sql: TransactionSql, events: readonly ProductEvent[]): Promise<number> {
  const result = await sql`
    INSERT INTO order_events (event_id, product_id, round, seq, order_id, version, type, buyer_id, quantity, status,
      payment_id, hold_expires_at, title, allocated, withdrawn, returned, request_id, traceparent, at)
    SELECT * FROM jsonb_to_recordset(${sql.json(events.map(eventRecord))}) AS e (
      event_id text, product_id text, round integer, seq integer, order_id text, version integer, type text,
      buyer_id text, quantity integer, status text, payment_id text, hold_expires_at timestamptz, title text,
      allocated integer, withdrawn integer, returned integer, request_id text, traceparent text, at timestamptz)
    ON CONFLICT (event_id) DO NOTHING`;
  return result.count;
}

/** Writes the orders where their version is newer, and returns how many that were. */
export async function writeOrders(sql: TransactionSql, orders: readonly OrderEvent[]): Promise<number> {
  const result = await sql`
    INSERT INTO orders (id, product_id, round, buyer_id, quantity, status, version, payment_id, hold_expires_at,
      created_at, updated_at)
    SELECT * FROM jsonb_to_recordset(${sql.json(orders.map(orderRecord))}) AS o (
      id text, product_id text, round integer, buyer_id text, quantity integer, status text, version integer,
      payment_id text, hold_expires_at timestamptz, created_at timestamptz, updated_at timestamptz)
    ON CONFLICT (id) DO UPDATE SET
      quantity = excluded.quantity, status = excluded.status, version = excluded.version,
      payment_id = excluded.payment_id, hold_expires_at = excluded.hold_expires_at,
      updated_at = excluded.updated_at, recorded_at = now()
    WHERE orders.version < excluded.version`;
  return result.count;
}

/** Writes the products whose version is still the one that was read, and returns how many that were. */
export async function writeProducts(sql: TransactionSql, products: readonly ProductRow[]): Promise<number> {
  const result = await sql`
    UPDATE products SET
      round = p.round, claimed_round = p."claimedRound", title = p.title, allocated = p.allocated, held = p.held,
      paid = p.paid, withdrawn = p.withdrawn, stock = p.stock, stock_version = p."stockVersion",
      version = p.version + 1, updated_at = now()
    FROM jsonb_to_recordset(${sql.json(products.map((row) => ({ ...row })))}) AS p (
      id text, round integer, "claimedRound" integer, title text, allocated integer, held integer, paid integer,
      withdrawn integer, stock integer, "stockVersion" integer, version integer)
    WHERE products.id = p.id AND products.version = p.version`;
  return result.count;
}

/** Dead letters whose events are applied now wait for nobody any more. */
export async function resolveDeadLetters(sql: TransactionSql, eventIds: readonly string[]): Promise<void> {
  await sql`
    UPDATE dead_letters SET resolved_at = now()
    WHERE resolved_at IS NULL AND event_id IN (SELECT jsonb_array_elements_text(${sql.json([...eventIds])}))`;
}

function eventRecord(event: ProductEvent) {
  const record = {
    event_id: event.eventId,
    product_id: event.productId,
    round: event.round,
    seq: event.seq,
    version: event.version,
    type: event.type,
    request_id: event.requestId,
    traceparent: event.traceparent,
    at: timestamp(event.at),
  };
  if (!isOrderEvent(event)) {
    const { title, allocated, withdrawn, returned } = event;
    return { ...record, title, allocated, withdrawn, returned };
  }
  return {
    ...record,
    order_id: event.orderId,
    buyer_id: event.buyerId,
    quantity: event.quantity,
    status: event.status,
    payment_id: event.paymentId,
    hold_expires_at: timestamp(event.holdExpiresAt),
  };
}

function orderRecord(event: OrderEvent) {
  return {
    id: event.orderId,
    product_id: event.productId,
    round: event.round,
    buyer_id: event.buyerId,
    quantity: event.quantity,
    status: event.status,
    version: event.version,
    payment_id: event.paymentId,
    hold_expires_at: timestamp(event.holdExpiresAt),
    created_at: timestamp(event.createdAt),
    updated_at: timestamp(event.at),
  };
}

/** Ms since the epoch, as Postgres reads a timestamptz. */
function timestamp(ms: number): string {
  return new Date(ms).toISOString();
}
