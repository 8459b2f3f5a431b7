/**
 * Every statement that the product object sends to its SQLite storage, typed: here and, by subject, in `order-statements.ts`,
 * `hoarding-statements.ts`, `outbox-statements.ts` and `archive-statements.ts`.
 *
 * Statements only: what to write is decided elsewhere, and whoever writes does so inside `transactionSync`, or can take back what
 * it wrote: an exception does not roll implicit writes back.
 */
import { ArchiveStatements } from "./archive-statements.ts";
import { HoardingStatements } from "./hoarding-statements.ts";
import type { Round } from "./ledger.ts";
import { OrderStatements } from "./order-statements.ts";
import { OutboxStatements } from "./outbox-statements.ts";
import type { AuditEntry } from "./protocol.ts";
import {
  type AuditRow,
  bookValues,
  type CallbackRow,
  type ProductHead,
  type ProductRow,
  type RoundRow,
  toHead,
  toRound,
} from "./rows.ts";
import { ADD_ARCHIVE, ADD_CLIENT, SCHEMA, SPLIT_BUYERS } from "./schema.ts";

/** Entries of the audit list that are kept, the newest: years of an operator's work. */
const AUDIT_ENTRIES_KEPT = 10_000;

export class ProductStatements {
  readonly orders: OrderStatements;
  readonly hoarding: HoardingStatements;
  readonly outbox: OutboxStatements;
  readonly archive: ArchiveStatements;
  readonly #sql: SqlStorage;
  #exists = false;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.orders = new OrderStatements(sql);
    this.hoarding = new HoardingStatements(sql);
    this.outbox = new OutboxStatements(sql);
    this.archive = new ArchiveStatements(sql);
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
    return this.#exists && this.#outdated.length > 0;
  }

  upgrade(): void {
    for (const statements of this.#outdated) this.#sql.exec(statements);
  }

  /** What brings the tables of each earlier version to the next. */
  get #outdated(): readonly string[] {
    return [
      this.#hasColumn("orders", "client") ? "" : ADD_CLIENT,
      this.#hasColumn("product", "order_retention_ms") ? "" : ADD_ARCHIVE,
      this.#hasIndex("orders_buyer") ? SPLIT_BUYERS : "",
    ].filter((statements) => statements !== "");
  }

  #hasIndex(name: string): boolean {
    return this.#sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'index' AND name = ?", name).toArray().length > 0;
  }

  #hasColumn(table: string, column: string): boolean {
    const query = "SELECT 1 FROM pragma_table_info(?) WHERE name = ?";
    return this.#sql.exec(query, table, column).toArray().length > 0;
  }

  head(): ProductHead | null {
    for (const row of this.#sql.exec<ProductRow>("SELECT * FROM product")) return toHead(row);
    return null;
  }

  writeHead(head: ProductHead): void {
    this.#sql.exec(
      `INSERT INTO product (one, product_id, round, seq, order_retention_ms, archived_from, archived_through)
       VALUES (1, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (one) DO UPDATE SET round = excluded.round, seq = excluded.seq,
         order_retention_ms = excluded.order_retention_ms, archived_from = excluded.archived_from,
         archived_through = excluded.archived_through`,
      head.productId,
      head.round,
      head.seq,
      head.orderRetentionMs,
      head.archivedFrom,
      head.archivedThrough,
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

  /** At most `limit`; returns how many it were. */
  deleteCallbacksOver(now: number, limit: number): number {
    const query = `DELETE FROM callbacks WHERE webhook_id IN
         (SELECT webhook_id FROM callbacks WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) RETURNING 1`;
    return this.#sql.exec(query, now, limit).toArray().length;
  }

  nextCallbackOverAt(): number | null {
    return this.#sql.exec<{ at: number | null }>("SELECT MIN(expires_at) AS at FROM callbacks").one().at;
  }

  insertAudit(entry: AuditEntry): void {
    const query = "INSERT INTO audit (at, request_id, action, detail) VALUES (?, ?, ?, ?)";
    this.#sql.exec(query, entry.at, entry.requestId, entry.action, JSON.stringify(entry.detail));
    this.#sql.exec("DELETE FROM audit WHERE entry <= (SELECT MAX(entry) FROM audit) - ?", AUDIT_ENTRIES_KEPT);
  }

  /** The newest first. */
  audit(limit: number): readonly AuditEntry[] {
    return this.#sql
      .exec<AuditRow>("SELECT at, request_id, action, detail FROM audit ORDER BY entry DESC LIMIT ?", limit)
      .toArray()
      .map((row) => ({ at: row.at, requestId: row.request_id, action: row.action, detail: JSON.parse(row.detail) }));
  }
}
