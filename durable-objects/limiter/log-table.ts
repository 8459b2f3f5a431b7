/** Where a limiter object keeps its logs: the schema, and every statement, typed. */
import type { SlidingLog } from "./sliding-log.ts";

/**
 * `taken`: times as 64-bit floats, oldest first (little-endian, as every machine that workerd runs on).
 * `sweep_at`: rounded up, so that a key in use moves in the index once per step and not with every request.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS logs (
    policy   TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    taken    BLOB    NOT NULL,
    sweep_at INTEGER NOT NULL,
    PRIMARY KEY (policy, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS logs_by_sweep ON logs (sweep_at);
`;

/**
 * Rows outlive their last unit by one to two steps: often enough to stay small, seldom enough to cost nothing, and a clock
 * that goes back by less than a step still finds them.
 */
export const SWEEP_STEP_MS = 60_000;

export class LogTable {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists = sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'logs'").toArray().length > 0;
  }

  /** Creates the table at the first write: an object that is only read leaves nothing on disk. Not for a transaction. */
  prepare(): void {
    if (this.#exists) return;
    this.#sql.exec(SCHEMA);
    this.#exists = true;
  }

  read(policy: string, key: string): SlidingLog {
    const [row] = this.#sql
      .exec<{ taken: ArrayBuffer }>("SELECT taken FROM logs WHERE policy = ? AND key = ?", policy, key)
      .toArray();
    return row === undefined ? [] : Array.from(new Float64Array(row.taken));
  }

  /** @param endsAt when the log's last unit ends, ms since the epoch. */
  write(policy: string, key: string, log: SlidingLog, endsAt: number): void {
    const sweepAt = (Math.ceil(endsAt / SWEEP_STEP_MS) + 1) * SWEEP_STEP_MS;
    this.#sql.exec(
      `INSERT INTO logs (policy, key, taken, sweep_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (policy, key) DO UPDATE SET taken = excluded.taken, sweep_at = excluded.sweep_at`,
      policy,
      key,
      Float64Array.from(log).buffer,
      sweepAt,
    );
  }

  /** Deletes up to `most` rows whose last unit has ended. */
  sweep(now: number, most: number): void {
    this.#sql.exec(
      `DELETE FROM logs WHERE (policy, key) IN (SELECT policy, key FROM logs WHERE sweep_at <= ? LIMIT ?)`,
      now,
      most,
    );
  }

  /** When the next row can be swept, ms since the epoch; null when there is none. */
  nextSweepAt(): number | null {
    if (!this.#exists) return null;
    return this.#sql.exec<{ next: number | null }>("SELECT min(sweep_at) AS next FROM logs").one().next;
  }
}
