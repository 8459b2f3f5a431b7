/**
 * The statements about orders: what a hold, its end, a payment and a cancellation read and write. As `statements.ts` says, but for one thing: what a
 * newcomer did before is answered without a statement, by what is kept in memory of all that were inserted here (`newcomers.ts`).
 */
import type { OrderStatus } from "../../src/refusal.ts";
import { UNIT_MS, UNPAID } from "./hoarding-statements.ts";
import type { Order } from "./ledger.ts";
import { type KeyedOrder, Newcomers } from "./newcomers.ts";
import { firstOrderIdAt } from "./order-id.ts";
import { type OrderRow, toOrder } from "./rows.ts";

/** Whose hold is asked for. `since`: when the window begins that hoarding is counted over. */
export interface HoldAsked {
  readonly jti: string;
  readonly buyerId: string;
  readonly round: number;
  readonly client: string | null;
  readonly now: number;
  readonly since: number;
}

export interface HoldBackground {
  /** Neither the token nor the buyer nor his client has an order here. */
  readonly isNew: boolean;
  /** The id of the order that the same purchase token made before. */
  readonly prior: string | null;
  /** Units of the round that the buyer has paid, or holds and may still pay. */
  readonly buyerUnits: number;
  /** What holds of the buyer that ended unpaid kept from others, in units times milliseconds. */
  readonly buyerUnpaidUnitMs: number;
  /** The same of his client; 0 where clients are not counted. */
  readonly clientUnpaidUnitMs: number;
  /** Holds of the buyer that expired. */
  readonly lapses: number;
}

interface BackgroundRow extends Record<string, SqlStorageValue> {
  prior: string | null;
  buyer_units: number;
  buyer_unit_ms: number | null;
  client_unit_ms: number | null;
  lapses: number;
}

const UNITS_OF_BUYER = `SELECT
  IFNULL((SELECT SUM(quantity) FROM orders WHERE buyer_id = ?1 AND round = ?2 AND status = 'held' AND hold_expires_at > ?3), 0) +
  IFNULL((SELECT SUM(quantity) FROM orders WHERE buyer_id = ?1 AND round = ?2 AND status = 'paid'), 0) AS units`;

/** Each part by its own index: a buyer who comes for the first time costs five looks at places that are empty. */
const HOLD_BACKGROUND = `SELECT (SELECT order_id FROM orders WHERE jti = ?4) AS prior,
  (${UNITS_OF_BUYER}) AS buyer_units,
  (SELECT SUM(${UNIT_MS}) FROM orders WHERE buyer_id = ?1 AND ${UNPAID} AND updated_at > ?5) AS buyer_unit_ms,
  (SELECT SUM(${UNIT_MS}) FROM orders WHERE client = ?6 AND ${UNPAID} AND updated_at > ?5) AS client_unit_ms,
  (SELECT COUNT(*) FROM orders WHERE buyer_id = ?1 AND ${UNPAID} AND status = 'expired' AND updated_at > ?5) AS lapses`;

const NOTHING: HoldBackground = {
  isNew: true,
  prior: null,
  buyerUnits: 0,
  buyerUnpaidUnitMs: 0,
  clientUnpaidUnitMs: 0,
  lapses: 0,
};

type KeyedRow = KeyedOrder & Record<string, SqlStorageValue>;

export class OrderStatements {
  readonly #sql: SqlStorage;
  readonly #newcomers: Newcomers;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#newcomers = new Newcomers({
      count: () => this.#count(),
      readBehind: (orderId, limit) => this.#readBehind(orderId, limit),
    });
  }

  find(orderId: string): Order | null {
    for (const row of this.#sql.exec<OrderRow>("SELECT * FROM orders WHERE order_id = ?", orderId)) return toOrder(row);
    return null;
  }

  /** What is stored about those who ask for a hold: nothing is read for a newcomer, else one statement, because each costs more than what it reads. */
  background(asked: HoldAsked): HoldBackground {
    if (this.#newcomers.isNew(asked)) return NOTHING;
    const { jti, buyerId, round, client, now, since } = asked;
    const row = this.#sql.exec<BackgroundRow>(HOLD_BACKGROUND, buyerId, round, now, jti, since, client).one();
    return {
      isNew: false,
      prior: row.prior,
      buyerUnits: row.buyer_units,
      buyerUnpaidUnitMs: row.buyer_unit_ms ?? 0,
      clientUnpaidUnitMs: row.client_unit_ms ?? 0,
      lapses: row.lapses,
    };
  }

  insert(order: Order): void {
    this.#newcomers.add(order);
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

  /** Reads on who has orders here, where that is not known yet. After a commit. */
  learnWhoIsKnown(): void {
    this.#newcomers.learn();
  }

  /** How many orders are here, by what was counted of them. */
  #count(): number {
    const query = `SELECT SUM(held_orders + paid_orders + cancelled_orders + expired_orders + refund_due_orders)
         - (SELECT IFNULL(SUM(orders), 0) FROM archived) AS orders FROM rounds`;
    return this.#sql.exec<{ orders: number | null }>(query).one().orders ?? 0;
  }

  #readBehind(orderId: string, limit: number): readonly KeyedOrder[] {
    const query = `SELECT order_id AS "orderId", jti, buyer_id AS "buyerId", client FROM orders
       WHERE order_id > ? ORDER BY order_id LIMIT ${limit}`;
    return this.#sql.exec<KeyedRow>(query, orderId).toArray();
  }

  update(order: Order): void {
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
    return this.#sql.exec<{ units: number }>(UNITS_OF_BUYER, buyerId, round, now).one().units;
  }

  /** At most `limit` of the holds that are over at `now`. */
  holdsOver(now: number, limit: number): readonly Order[] {
    const query = `SELECT * FROM orders WHERE status = 'held' AND hold_expires_at <= ? ORDER BY hold_expires_at LIMIT ${limit}`;
    return this.#sql.exec<OrderRow>(query, now).toArray().map(toOrder);
  }

  /** The buyer's holds that are over at `now`, and not released yet. */
  holdsOverOf(buyerId: string, now: number): readonly Order[] {
    const query = `SELECT * FROM orders WHERE buyer_id = ? AND status = 'held'
       AND hold_expires_at <= ?`;
    return this.#sql.exec<OrderRow>(query, buyerId, now).toArray().map(toOrder);
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

  /** Tokens of the round's orders that were made at `since` or later, at most `limit` of them, the newest first. */
  *spentTokens(round: number, since: number, limit: number): Generator<string> {
    const query = `SELECT jti, round FROM orders WHERE order_id >= ? ORDER BY order_id DESC LIMIT ${limit}`;
    for (const row of this.#sql.exec<{ jti: string; round: number }>(query, firstOrderIdAt(since))) {
      if (row.round === round) yield row.jti;
    }
  }

  /** What the orders themselves say of the stock book: units by status. For checking, not for deciding. */
  unitsByStatus(round: number): ReadonlyMap<OrderStatus, { readonly orders: number; readonly units: number }> {
    const query =
      "SELECT status, COUNT(*) AS orders, SUM(quantity) AS units FROM orders WHERE round = ? GROUP BY status";
    const rows = this.#sql.exec<{ status: string; orders: number; units: number }>(query, round).toArray();
    return new Map(rows.map((row) => [row.status as OrderStatus, { orders: row.orders, units: row.units }]));
  }
}
