/**
 * Every statement of the writer, each for a whole batch at once; nothing here decides.
 *
 * Lists travel as arrays, a column each: Postgres reads an event from arrays in a fifth of the time that it takes from jsonb
 * (docs/decisions/0031). The few rows of products travel as jsonb.
 */
import type { TransactionSql } from "postgres";
import type { OrderEvent, ProductEvent } from "../../../durable-objects/product/protocol.ts";
import { type ArrayElement, arrayLiteral } from "../array-literal.ts";
import type { OrderRow, ProductRow } from "./decide-batch.ts";
import { isOrderEvent, isStockEvent } from "./parse-event.ts";

/** Makes empty rows for products that Postgres has not heard of. Sorted, so that two writers cannot wait for each other. */
export async function ensureProducts(sql: TransactionSql, productIds: readonly string[]): Promise<void> {
  await sql`
    INSERT INTO products (id)
    SELECT id FROM unnest(${arrayLiteral(productIds)}::text[]) AS list (id) ORDER BY id
    ON CONFLICT (id) DO NOTHING`;
}

/** Locks the products' rows until the transaction ends, in the order of their ids: one writer per product at a time. */
export async function lockProducts(sql: TransactionSql, productIds: readonly string[]): Promise<ProductRow[]> {
  return await sql<ProductRow[]>`
    SELECT id, round, claimed_round AS "claimedRound", title, allocated, held, paid, withdrawn, stock,
           stock_version AS "stockVersion", version
    FROM products
    WHERE id = ANY(${arrayLiteral(productIds)}::text[])
    ORDER BY id
    FOR UPDATE`;
}

/** Which of the events were applied before. */
export async function findApplied(sql: TransactionSql, eventIds: readonly string[]): Promise<string[]> {
  const rows = await sql<{ eventId: string }[]>`
    SELECT event_id AS "eventId" FROM order_events
    WHERE event_id = ANY(${arrayLiteral(eventIds)}::text[])`;
  return rows.map((row) => row.eventId);
}

/** The orders as they are. Their products' locks guard them too: nobody else writes orders of a locked product. */
export async function readOrders(sql: TransactionSql, orderIds: readonly string[]): Promise<OrderRow[]> {
  return await sql<OrderRow[]>`
    SELECT id, product_id AS "productId", round, buyer_id AS "buyerId", version, status, quantity FROM orders
    WHERE id = ANY(${arrayLiteral(orderIds)}::text[])`;
}

/** Records the events and returns how many were new. */
export async function recordEvents(sql: TransactionSql, events: readonly ProductEvent[]): Promise<number> {
  const column = columnsOf(events);
  const orderColumn = columnsOf(events.map((event) => (isOrderEvent(event) ? event : null)));
  const stockColumn = columnsOf(events.map((event) => (isStockEvent(event) ? event : null)));
  const result = await sql`
    INSERT INTO order_events (event_id, product_id, round, seq, order_id, version, type, buyer_id, quantity, status,
      payment_id, hold_expires_at, title, allocated, withdrawn, returned, request_id, traceparent, at)
    SELECT * FROM unnest(
      ${column((event) => event.eventId)}::text[],
      ${column((event) => event.productId)}::text[],
      ${column((event) => event.round)}::integer[],
      ${column((event) => event.seq)}::integer[],
      ${orderColumn((event) => event.orderId)}::text[],
      ${column((event) => event.version)}::integer[],
      ${column((event) => event.type)}::text[],
      ${orderColumn((event) => event.buyerId)}::text[],
      ${orderColumn((event) => event.quantity)}::integer[],
      ${orderColumn((event) => event.status)}::text[],
      ${orderColumn((event) => event.paymentId)}::text[],
      ${orderColumn((event) => timestamp(event.holdExpiresAt))}::timestamptz[],
      ${stockColumn((event) => event.title)}::text[],
      ${stockColumn((event) => event.allocated)}::integer[],
      ${stockColumn((event) => event.withdrawn)}::integer[],
      ${stockColumn((event) => event.returned)}::integer[],
      ${column((event) => event.requestId)}::text[],
      ${column((event) => event.traceparent)}::text[],
      ${column((event) => timestamp(event.at))}::timestamptz[])
    ON CONFLICT (event_id) DO NOTHING`;
  return result.count;
}

/** Writes the orders where their version is newer, and returns how many that were. */
export async function writeOrders(sql: TransactionSql, orders: readonly OrderEvent[]): Promise<number> {
  const column = columnsOf(orders);
  const result = await sql`
    INSERT INTO orders (id, product_id, round, buyer_id, quantity, status, version, payment_id, hold_expires_at,
      created_at, updated_at)
    SELECT * FROM unnest(
      ${column((order) => order.orderId)}::text[],
      ${column((order) => order.productId)}::text[],
      ${column((order) => order.round)}::integer[],
      ${column((order) => order.buyerId)}::text[],
      ${column((order) => order.quantity)}::integer[],
      ${column((order) => order.status)}::text[],
      ${column((order) => order.version)}::integer[],
      ${column((order) => order.paymentId)}::text[],
      ${column((order) => timestamp(order.holdExpiresAt))}::timestamptz[],
      ${column((order) => timestamp(order.createdAt))}::timestamptz[],
      ${column((order) => timestamp(order.at))}::timestamptz[])
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
    WHERE resolved_at IS NULL AND event_id = ANY(${arrayLiteral(eventIds)}::text[])`;
}

/** A column of the rows, as an array; where a row is null, its value is. */
function columnsOf<Row>(rows: readonly (Row | null)[]): (valueOf: (row: Row) => ArrayElement) => string {
  return (valueOf) => arrayLiteral(rows.map((row) => (row === null ? null : valueOf(row))));
}

/** The moment that was written last: orders of one commit have the same ones. */
let lastMoment = { ms: 0, text: new Date(0).toISOString() };

/** Ms since the epoch, as Postgres reads a timestamptz. */
function timestamp(ms: number): string {
  if (lastMoment.ms !== ms) lastMoment = { ms, text: new Date(ms).toISOString() };
  return lastMoment.text;
}
