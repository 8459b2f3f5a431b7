/**
 * Every statement that the product object sends to its SQLite storage, typed: here and, by subject, in `order-statements.ts`,
 * `hoarding-statements.ts` and `outbox-statements.ts`.
 *
 * Statements only: what to write is decided elsewhere, and whoever writes does so inside `transactionSync`, because an
 * exception does not roll implicit writes back.
 */
import { HoardingStatements } from "./hoarding-statements.ts";
import type { Round } from "./ledger.ts";
import { OrderStatements } from "./order-statements.ts";
import { OutboxStatements } from "./outbox-statements.ts";
import type { AuditEntry } from "./protocol.ts";
import { type AuditRow, bookValues, type CallbackRow, type ProductRow, type RoundRow, toRound } from "./rows.ts";
import { ADD_CLIENT, SCHEMA } from "./schema.ts";

/** The product's head row: which round is current, and the last sequence number that an event got. */
export interface ProductHead {
  readonly productId: string;
  readonly round: number;
  readonly seq: number;
}

export class ProductStatements {
  readonly orders: OrderStatements;
  readonly hoarding: HoardingStatements;
  readonly outbox: OutboxStatements;
  readonly #sql: SqlStorage;
  #exists = false;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.orders = new OrderStatements(sql);
    this.hoarding = new HoardingStatements(sql);
    this.outbox = new OutboxStatements(sql);
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
