/** The statements that the rules against hoarders are judged by. As `statements.ts` says. */
import { CHARGE_LEAST_MS, type UnpaidEnd } from "./hoarding.ts";
import type { Order } from "./ledger.ts";
import { type OrderRow, toOrder } from "./rows.ts";

/** As the partial indexes have it: SQLite takes one of them only where the query says the same. */
export const UNPAID = "status IN ('expired', 'cancelled')";
/** What a hold that ended unpaid kept from others, in units times milliseconds. */
export const UNIT_MS = `quantity * MAX(updated_at - created_at, ${CHARGE_LEAST_MS})`;

export class HoardingStatements {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The buyer's holds that run at `now`, of any round, the first to end first. */
  openHolds(buyerId: string, now: number): readonly Order[] {
    const query = `SELECT * FROM orders WHERE buyer_id = ? AND status = 'held'
       AND hold_expires_at > ? ORDER BY hold_expires_at, order_id`;
    return this.#sql.exec<OrderRow>(query, buyerId, now).toArray().map(toOrder);
  }

  /** What holds that ended unpaid after `since` kept from others, one by one, the oldest first. */
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
       ORDER BY updated_at DESC LIMIT ${limit}`;
    return this.#sql
      .exec<{ updated_at: number }>(query, buyerId, since)
      .toArray()
      .map((row) => row.updated_at);
  }

  /** When money last came for an order of the buyer that is paid. */
  paidAt(buyerId: string): number | null {
    const query = `SELECT MAX(updated_at) AS at FROM orders WHERE buyer_id = ? AND status = 'paid'`;
    return this.#sql.exec<{ at: number | null }>(query, buyerId).one().at;
  }
}
