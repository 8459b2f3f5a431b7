/** The statements about the outbox: events that Postgres does not have yet. As `statements.ts` says. */
import type { ProductEvent } from "./protocol.ts";
import type { OutboxRow } from "./rows.ts";

export interface PendingEvent {
  readonly seq: number;
  /** How often it was sent. */
  readonly attempts: number;
  /** Its JSON text. */
  readonly body: string;
}

export class OutboxStatements {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Written unsent: the first sending is the caller's, the next is due at `nextSendAt`. */
  insert(event: ProductEvent, body: string, nextSendAt: number): void {
    this.#sql.exec(
      "INSERT INTO outbox (seq, event_id, body, at, attempts, next_send_at) VALUES (?, ?, ?, ?, 1, ?)",
      event.seq,
      event.eventId,
      body,
      event.at,
      nextSendAt,
    );
  }

  due(now: number, limit: number): readonly PendingEvent[] {
    const query = `SELECT seq, body, attempts FROM outbox WHERE parked = 0 AND next_send_at <= ? ORDER BY next_send_at, seq LIMIT ?`;
    return this.#sql.exec<OutboxRow>(query, now, limit).toArray();
  }

  postpone(seqs: readonly number[], attempts: number, nextSendAt: number): void {
    const query = "UPDATE outbox SET attempts = ?, next_send_at = ? WHERE seq IN (SELECT value FROM json_each(?))";
    this.#sql.exec(query, attempts, nextSendAt, JSON.stringify(seqs));
  }

  delete(eventIds: readonly string[]): void {
    this.#sql.exec("DELETE FROM outbox WHERE event_id IN (SELECT value FROM json_each(?))", JSON.stringify(eventIds));
  }

  /** Those with a greater sequence number. */
  deleteBehind(seq: number): void {
    this.#sql.exec("DELETE FROM outbox WHERE seq > ?", seq);
  }

  park(eventId: string): void {
    this.#sql.exec("UPDATE outbox SET parked = 1 WHERE event_id = ?", eventId);
  }

  nextSendAt(): number | null {
    const query = "SELECT MIN(next_send_at) AS at FROM outbox WHERE parked = 0";
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }

  /** How many events wait, and when the first of them was written. Counts an index: for documents, not for holds. */
  pending(): { readonly pending: number; readonly oldestAt: number | null } {
    const query = "SELECT COUNT(*) AS pending, (SELECT at FROM outbox ORDER BY seq LIMIT 1) AS oldestAt FROM outbox";
    return this.#sql.exec<{ pending: number; oldestAt: number | null }>(query).one();
  }

  /** Whether anything of the order waits in the outbox. Event ids are `<orderId>.<version>`, and `/` comes after `.`. */
  isPending(orderId: string): boolean {
    const query = "SELECT 1 FROM outbox WHERE event_id > ? AND event_id < ? LIMIT 1";
    return this.#sql.exec(query, `${orderId}.`, `${orderId}/`).toArray().length > 0;
  }
}
