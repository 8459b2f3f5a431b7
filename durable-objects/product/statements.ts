/**
 * Every statement that the product object sends to its SQLite storage, typed, in one place.
 *
 * Statements only: what to write is decided elsewhere, and whoever writes does so inside `transactionSync`, because an
 * exception does not roll implicit writes back.
 */
import type { OrderStatus } from "../../src/refusal.ts";
import { CHARGE_LEAST_MS, type UnpaidEnd } from "./hoarding.ts";
import type { Order, Round } from "./ledger.ts";
import type { AuditEntry, ProductEvent } from "./protocol.ts";
import {
  ADD_CLIENT,
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

/** As the partial indexes have it: SQLite takes one of them only where the query says the same. */
const UNPAID = "status IN ('expired', 'cancelled')";
const UNIT_MS = `quantity * MAX(updated_at - created_at, ${CHARGE_LEAST_MS})`;

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

  /** Whether the tables are of an earlier version, and `upgrade` has to be called before anything else. */
  get isOutdated(): boolean {
    const query = "SELECT 1 FROM pragma_table_info('orders') WHERE name = 'client'";
    return this.#exists && this.#sql.exec(query).toArray().length === 0;
  }

  upgrade(): void {
    this.#sql.exec(ADD_CLIENT);
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
         created_at, updated_at, request_id, traceparent, client)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
      order.client,
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

  /** The buyer's holds that run at `now`, of any round, the first to end first. */
  openHolds(buyerId: string, now: number): readonly Order[] {
    const query = `SELECT * FROM orders WHERE buyer_id = ? AND status IN ('held', 'paid') AND status = 'held'
       AND hold_expires_at > ? ORDER BY hold_expires_at, order_id`;
    return this.#sql.exec<OrderRow>(query, buyerId, now).toArray().map(toOrder);
  }

  /** The buyer's holds that are over at `now`, and not released yet. */
  holdsOverOf(buyerId: string, now: number): readonly Order[] {
    const query = `SELECT * FROM orders WHERE buyer_id = ? AND status IN ('held', 'paid') AND status = 'held'
       AND hold_expires_at <= ?`;
    return this.#sql.exec<OrderRow>(query, buyerId, now).toArray().map(toOrder);
  }

  /** What holds that ended unpaid after `since` kept from others, in units times milliseconds. */
  unpaidUnitMs(by: "buyer_id" | "client", who: string, since: number): number {
    const query = `SELECT COALESCE(SUM(${UNIT_MS}), 0) AS unit_ms FROM orders WHERE ${by} = ? AND ${UNPAID} AND updated_at > ?`;
    return this.#sql.exec<{ unit_ms: number }>(query, who, since).one().unit_ms;
  }

  /** The same one by one, the oldest first. */
  *unpaidEnds(by: "buyer_id" | "client", who: string, since: number): Generator<UnpaidEnd> {
    const query = `SELECT updated_at, ${UNIT_MS} AS unit_ms FROM orders WHERE ${by} = ? AND ${UNPAID} AND updated_at > ?
       ORDER BY updated_at`;
    for (const row of this.#sql.exec<{ updated_at: number; unit_ms: number }>(query, who, since)) {
      yield { endedAt: row.updated_at, unitMs: row.unit_ms };
    }
  }

  /** When the buyer's last `limit` holds that expired after `since` did so, the newest first. */
  lapsedAt(buyerId: string, since: number, limit: number): readonly number[] {
    const query = `SELECT updated_at FROM orders WHERE buyer_id = ? AND ${UNPAID} AND status = 'expired' AND updated_at > ?
       ORDER BY updated_at DESC LIMIT ?`;
    return this.#sql
      .exec<{ updated_at: number }>(query, buyerId, since, limit)
      .toArray()
      .map((row) => row.updated_at);
  }

  /** When money last came for an order of the buyer that is paid. */
  paidAt(buyerId: string): number | null {
    const query = `SELECT MAX(updated_at) AS at FROM orders WHERE buyer_id = ? AND status IN ('held', 'paid') AND status = 'paid'`;
    return this.#sql.exec<{ at: number | null }>(query, buyerId).one().at;
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
    client: row.client,
    status: row.status as OrderStatus,
    version: row.version,
    paymentId: row.payment_id,
    holdExpiresAt: row.hold_expires_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    cause: { requestId: row.request_id, traceparent: row.traceparent },
  };
}
