/**
 * Every statement that the product object sends to its SQLite storage, typed, in one place.
 *
 * Statements only: what to write is decided elsewhere, and whoever writes does so inside `transactionSync`, because an
 * exception does not roll implicit writes back.
 */
import type { OrderStatus } from "../../src/refusal.ts";
import type { Order, Round } from "./ledger.ts";
import type { AuditEntry, ProductEvent } from "./protocol.ts";
import {
  type AuditRow,
  type CallbackRow,
  type OrderRow,
  type OutboxRow,
  type ProductRow,
  type RoundRow,
  SCHEMA,
} from "./schema.ts";

/** The product's head row: which round is current, and the last sequence number that an event got. */
export interface ProductHead {
  readonly productId: string;
  readonly round: number;
  readonly seq: number;
}

export interface PendingEvent {
  readonly seq: number;
  readonly attempts: number;
  readonly event: ProductEvent;
}

export class ProductStatements {
  readonly #sql: SqlStorage;
  #exists = false;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.refresh();
  }

  /** Whether anything is stored here. Nothing but `createSchema` may be called before. */
  get exists(): boolean {
    return this.#exists;
  }

  /** Looks whether the tables are there, as long as they are not. Not after `createSchema`, before its commit. */
  refresh(): void {
    if (this.#exists) return;
    const query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'audit'";
    this.#exists = this.#sql.exec(query).toArray().length > 0;
  }

  createSchema(): void {
    this.#sql.exec(SCHEMA);
  }

  head(): ProductHead | null {
    for (const row of this.#sql.exec<ProductRow>("SELECT product_id, round, seq FROM product")) {
      return { productId: row.product_id, round: row.round, seq: row.seq };
    }
    return null;
  }

  writeHead(head: ProductHead): void {
    this.#sql.exec(
      "INSERT INTO product (one, product_id, round, seq) VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET round = excluded.round, seq = excluded.seq",
      head.productId,
      head.round,
      head.seq,
    );
  }

  round(round: number): Round | null {
    for (const row of this.#sql.exec<RoundRow>("SELECT * FROM rounds WHERE round = ?", round)) return toRound(row);
    return null;
  }

  /** The round that the head names. */
  currentRound(): Round | null {
    const query = "SELECT rounds.* FROM rounds JOIN product ON product.round = rounds.round";
    for (const row of this.#sql.exec<RoundRow>(query)) return toRound(row);
    return null;
  }

  insertRound(round: Round): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO rounds (round, title, price, currency, opens_at, closes_at, per_buyer_limit, hold_seconds,
         challenges, gate, stock_source, paused, closed, version, allocated, available, held, paid, withdrawn,
         held_orders, paid_orders, cancelled_orders, expired_orders, refund_due_orders)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      round.round,
      round.title,
      round.price,
      round.currency,
      round.opensAt,
      round.closesAt,
      round.perBuyerLimit,
      round.holdSeconds,
      JSON.stringify(round.challenges),
      round.gate,
      round.stockSource,
      ...bookValues(round),
    );
  }

  /** The round's moving parts: flags, stock book and counts; its rules stay. */
  updateBook(round: Round): void {
    this.#sql.exec(
      `UPDATE rounds SET paused = ?, closed = ?, version = ?, allocated = ?, available = ?, held = ?, paid = ?,
         withdrawn = ?, held_orders = ?, paid_orders = ?, cancelled_orders = ?, expired_orders = ?, refund_due_orders = ?
       WHERE round = ?`,
      ...bookValues(round),
      round.round,
    );
  }

  order(orderId: string): Order | null {
    for (const row of this.#sql.exec<OrderRow>("SELECT * FROM orders WHERE order_id = ?", orderId)) return toOrder(row);
    return null;
  }

  orderOfToken(jti: string): Order | null {
    for (const row of this.#sql.exec<OrderRow>("SELECT * FROM orders WHERE jti = ?", jti)) return toOrder(row);
    return null;
  }

  insertOrder(order: Order): void {
    this.#sql.exec(
      `INSERT INTO orders (order_id, round, jti, buyer_id, quantity, status, version, payment_id, hold_expires_at,
         created_at, updated_at, request_id, traceparent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      order.orderId,
      order.round,
      order.jti,
      order.buyerId,
      order.quantity,
      order.status,
      order.version,
      order.paymentId,
      order.holdExpiresAt,
      order.createdAt,
      order.updatedAt,
      order.cause.requestId,
      order.cause.traceparent,
    );
  }

  updateOrder(order: Order): void {
    this.#sql.exec(
      "UPDATE orders SET status = ?, version = ?, payment_id = ?, updated_at = ? WHERE order_id = ?",
      order.status,
      order.version,
      order.paymentId,
      order.updatedAt,
      order.orderId,
    );
  }

  /** Units of the round that the buyer has paid, or holds and may still pay at `now`. */
  buyerUnits(buyerId: string, round: number, now: number): number {
    const query = `SELECT COALESCE(SUM(quantity), 0) AS units FROM orders
       WHERE buyer_id = ? AND round = ? AND status IN ('held', 'paid') AND (status = 'paid' OR hold_expires_at > ?)`;
    return this.#sql.exec<{ units: number }>(query, buyerId, round, now).one().units;
  }

  /** At most `limit` of the holds that are over at `now`. */
  holdsOver(now: number, limit: number): readonly Order[] {
    const query =
      "SELECT * FROM orders WHERE status = 'held' AND hold_expires_at <= ? ORDER BY hold_expires_at LIMIT ?";
    return this.#sql.exec<OrderRow>(query, now, limit).toArray().map(toOrder);
  }

  holdsOf(round: number): readonly Order[] {
    return this.#sql
      .exec<OrderRow>("SELECT * FROM orders WHERE status = 'held' AND round = ?", round)
      .toArray()
      .map(toOrder);
  }

  /** When the first of the present holds is over. */
  nextReleaseAt(): number | null {
    const query = "SELECT MIN(hold_expires_at) AS at FROM orders WHERE status = 'held'";
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }

  *spentTokens(round: number): Generator<string> {
    for (const row of this.#sql.exec<{ jti: string }>("SELECT jti FROM orders WHERE round = ?", round)) yield row.jti;
  }

  /** What the orders themselves say of the stock book: units by status. For checking, not for deciding. */
  unitsByStatus(round: number): ReadonlyMap<OrderStatus, { readonly orders: number; readonly units: number }> {
    const query =
      "SELECT status, COUNT(*) AS orders, SUM(quantity) AS units FROM orders WHERE round = ? GROUP BY status";
    const rows = this.#sql.exec<{ status: string; orders: number; units: number }>(query, round).toArray();
    return new Map(rows.map((row) => [row.status as OrderStatus, { orders: row.orders, units: row.units }]));
  }

  /** Written unsent: the first sending is the caller's, the next is due at `nextSendAt`. */
  insertEvent(event: ProductEvent, body: string, nextSendAt: number): void {
    this.#sql.exec(
      "INSERT INTO outbox (seq, event_id, body, at, attempts, next_send_at) VALUES (?, ?, ?, ?, 1, ?)",
      event.seq,
      event.eventId,
      body,
      event.at,
      nextSendAt,
    );
  }

  eventsDue(now: number, limit: number): readonly PendingEvent[] {
    const query = `SELECT seq, body, attempts FROM outbox WHERE parked = 0 AND next_send_at <= ? ORDER BY next_send_at, seq LIMIT ?`;
    return this.#sql
      .exec<OutboxRow>(query, now, limit)
      .toArray()
      .map((row) => ({ seq: row.seq, attempts: row.attempts, event: JSON.parse(row.body) as ProductEvent }));
  }

  postponeEvent(seq: number, attempts: number, nextSendAt: number): void {
    this.#sql.exec("UPDATE outbox SET attempts = ?, next_send_at = ? WHERE seq = ?", attempts, nextSendAt, seq);
  }

  deleteEvent(eventId: string): void {
    this.#sql.exec("DELETE FROM outbox WHERE event_id = ?", eventId);
  }

  parkEvent(eventId: string): void {
    this.#sql.exec("UPDATE outbox SET parked = 1 WHERE event_id = ?", eventId);
  }

  nextSendAt(): number | null {
    const query = "SELECT MIN(next_send_at) AS at FROM outbox WHERE parked = 0";
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }

  pending(): { readonly pending: number; readonly oldestAt: number | null } {
    return this.#sql
      .exec<{ pending: number; oldestAt: number | null }>("SELECT COUNT(*) AS pending, MIN(at) AS oldestAt FROM outbox")
      .one();
  }

  /** Whether anything of the order waits in the outbox. Event ids are `<orderId>.<version>`, and `/` comes after `.`. */
  isPending(orderId: string): boolean {
    const query = "SELECT 1 FROM outbox WHERE event_id > ? AND event_id < ? LIMIT 1";
    return this.#sql.exec(query, `${orderId}.`, `${orderId}/`).toArray().length > 0;
  }

  callback(webhookId: string): { readonly digest: string; readonly refusedStatus: string | null } | null {
    const query = "SELECT digest, refused_status FROM callbacks WHERE webhook_id = ?";
    for (const row of this.#sql.exec<CallbackRow>(query, webhookId)) {
      return { digest: row.digest, refusedStatus: row.refused_status };
    }
    return null;
  }

  insertCallback(webhookId: string, digest: string, refusedStatus: string | null, expiresAt: number): void {
    const query = "INSERT INTO callbacks (webhook_id, digest, refused_status, expires_at) VALUES (?, ?, ?, ?)";
    this.#sql.exec(query, webhookId, digest, refusedStatus, expiresAt);
  }

  deleteCallbacksOver(now: number): void {
    this.#sql.exec("DELETE FROM callbacks WHERE expires_at <= ?", now);
  }

  insertAudit(entry: AuditEntry): void {
    const query = "INSERT INTO audit (at, request_id, action, detail) VALUES (?, ?, ?, ?)";
    this.#sql.exec(query, entry.at, entry.requestId, entry.action, JSON.stringify(entry.detail));
  }

  /** The newest first. */
  audit(limit: number): readonly AuditEntry[] {
    return this.#sql
      .exec<AuditRow>("SELECT at, request_id, action, detail FROM audit ORDER BY entry DESC LIMIT ?", limit)
      .toArray()
      .map((row) => ({ at: row.at, requestId: row.request_id, action: row.action, detail: JSON.parse(row.detail) }));
  }
}

function bookValues(round: Round): SqlStorageValue[] {
  const { ledger, orders } = round;
  return [
    Number(round.paused),
    Number(round.closed),
    round.version,
    ledger.allocated,
    ledger.available,
    ledger.held,
    ledger.paid,
    ledger.withdrawn,
    orders.held,
    orders.paid,
    orders.cancelled,
    orders.expired,
    orders.refund_due,
  ];
}

function toRound(row: RoundRow): Round {
  return {
    round: row.round,
    title: row.title,
    price: row.price,
    currency: row.currency,
    opensAt: row.opens_at,
    closesAt: row.closes_at,
    perBuyerLimit: row.per_buyer_limit,
    holdSeconds: row.hold_seconds,
    challenges: JSON.parse(row.challenges) as string[],
    gate: row.gate,
    paused: row.paused === 1,
    closed: row.closed === 1,
    stockSource: row.stock_source === "origin" ? "origin" : "operator",
    version: row.version,
    ledger: {
      allocated: row.allocated,
      available: row.available,
      held: row.held,
      paid: row.paid,
      withdrawn: row.withdrawn,
    },
    orders: {
      held: row.held_orders,
      paid: row.paid_orders,
      cancelled: row.cancelled_orders,
      expired: row.expired_orders,
      refund_due: row.refund_due_orders,
    },
  };
}

function toOrder(row: OrderRow): Order {
  return {
    orderId: row.order_id,
    round: row.round,
    jti: row.jti,
    buyerId: row.buyer_id,
    quantity: row.quantity,
    status: row.status as OrderStatus,
    version: row.version,
    paymentId: row.payment_id,
    holdExpiresAt: row.hold_expires_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    cause: { requestId: row.request_id, traceparent: row.traceparent },
  };
}
