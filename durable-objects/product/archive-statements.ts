/** The statements about orders that leave the object, and what is kept of them. As `statements.ts` says. */
import type { OrderStatus } from "../../src/refusal.ts";
import type { ArchivedCount } from "./retention.ts";
import type { ArchivedRow } from "./rows.ts";

/** An order that is over, as far as leaving asks. */
export interface EndedOrder {
  readonly orderId: string;
  readonly round: number;
  readonly status: OrderStatus;
  readonly quantity: number;
  readonly endedAt: number;
}

/** Where a pass through the ended orders stands: after this one. */
export interface EndedPlace {
  readonly endedAt: number;
  readonly orderId: string;
}

export type EndedKind = "unpaid" | "paid";

/** As the partial indexes have it: SQLite takes one of them only where the query says the same. */
const OF_KIND: { readonly [Kind in EndedKind]: string } = {
  unpaid: "status IN ('cancelled', 'expired', 'refund_due')",
  paid: "status = 'paid'",
};

interface EndedRow extends Record<string, SqlStorageValue> {
  order_id: string;
  round: number;
  status: string;
  quantity: number;
  updated_at: number;
}

const BEFORE_ALL: EndedPlace = { endedAt: 0, orderId: "" };

export class ArchiveStatements {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Orders that ended until `cutoff`, the earliest first, beginning after `place`. */
  ended(kind: EndedKind, place: EndedPlace | null, cutoff: number, limit: number): readonly EndedOrder[] {
    const query = `SELECT order_id, round, status, quantity, updated_at FROM orders
       WHERE ${OF_KIND[kind]} AND (updated_at, order_id) > (?, ?) AND updated_at <= ? ORDER BY updated_at, order_id LIMIT ?`;
    const { endedAt, orderId } = place ?? BEFORE_ALL;
    return this.#sql.exec<EndedRow>(query, endedAt, orderId, cutoff, limit).toArray().map(toEnded);
  }

  /** The first that ended after `cutoff`. */
  firstEndedAfter(kind: EndedKind, cutoff: number): EndedOrder | null {
    const query = `SELECT order_id, round, status, quantity, updated_at FROM orders
       WHERE ${OF_KIND[kind]} AND updated_at > ? ORDER BY updated_at LIMIT 1`;
    for (const row of this.#sql.exec<EndedRow>(query, cutoff)) return toEnded(row);
    return null;
  }

  deleteOrder(orderId: string): void {
    this.#sql.exec("DELETE FROM orders WHERE order_id = ?", orderId);
  }

  add(round: number, status: OrderStatus, units: number): void {
    const query = `INSERT INTO archived (round, status, orders, units) VALUES (?, ?, 1, ?)
       ON CONFLICT (round, status) DO UPDATE SET orders = orders + 1, units = units + excluded.units`;
    this.#sql.exec(query, round, status, units);
  }

  /** Of an order that comes back. */
  remove(round: number, status: OrderStatus, units: number): void {
    const query = "UPDATE archived SET orders = orders - 1, units = units - ? WHERE round = ? AND status = ?";
    this.#sql.exec(query, units, round, status);
  }

  /** What left of the round, by status. */
  countsOf(round: number): ReadonlyMap<OrderStatus, ArchivedCount> {
    const query = "SELECT status, orders, units FROM archived WHERE round = ?";
    const rows = this.#sql.exec<ArchivedRow>(query, round).toArray();
    return new Map(rows.map(({ status, orders, units }) => [status as OrderStatus, { orders, units }]));
  }

  /** Forgets rounds up to the number `last` all of whose orders have left, at most `limit` of them; returns how many. */
  forgetRounds(last: number, limit: number): number {
    const query = `DELETE FROM rounds WHERE round IN (
         SELECT round FROM rounds AS old WHERE round <= ?
           AND held_orders + paid_orders + cancelled_orders + expired_orders + refund_due_orders
             = (SELECT COALESCE(SUM(orders), 0) FROM archived WHERE archived.round = old.round)
         ORDER BY round LIMIT ?) RETURNING round`;
    const forgotten = this.#sql.exec<{ round: number }>(query, last, limit).toArray();
    for (const { round } of forgotten) this.#sql.exec("DELETE FROM archived WHERE round = ?", round);
    return forgotten.length;
  }
}

function toEnded(row: EndedRow): EndedOrder {
  return {
    orderId: row.order_id,
    round: row.round,
    status: row.status as OrderStatus,
    quantity: row.quantity,
    endedAt: row.updated_at,
  };
}
