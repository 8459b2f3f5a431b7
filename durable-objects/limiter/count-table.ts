/** Where a limiter object keeps its counts: the schema, and every statement, typed. */
import type { Count } from "./count.ts";
import type { ExactAlgorithm } from "./protocol.ts";

/**
 * `times`: as 64-bit floats, oldest first (little-endian, as every machine that workerd runs on).
 * `sweep_at`: rounded up, so that a key in use moves in the index once per step and not with every request.
 * `logs` was the table's name while there was one algorithm; what it counted is over within a day.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS counts (
    policy    TEXT    NOT NULL,
    algorithm TEXT    NOT NULL,
    key       TEXT    NOT NULL,
    times     BLOB    NOT NULL,
    sweep_at  INTEGER NOT NULL,
    PRIMARY KEY (policy, algorithm, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS counts_by_sweep ON counts (sweep_at);
  DROP TABLE IF EXISTS logs;
`;

/**
 * Rows outlive their last unit by one to two steps, and by up to one more until their object's alarm has its turn: often enough
 * to stay small, seldom enough to cost nothing, and a clock that goes back by less than a step still finds them.
 */
export const SWEEP_STEP_MS = 60_000;

/** Of what a row is the count. */
export interface CountKey {
  readonly policy: string;
  readonly algorithm: ExactAlgorithm;
  readonly key: string;
}

export class CountTable {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists =
      sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'counts'").toArray().length > 0;
  }

  /** Creates the table at the first write: an object that is only read leaves nothing on disk. Not for a transaction. */
  prepare(): void {
    if (this.#exists) return;
    this.#sql.exec(SCHEMA);
    this.#exists = true;
  }

  read({ policy, algorithm, key }: CountKey): Count {
    if (!this.#exists) return [];
    const [row] = this.#sql
      .exec<{ times: ArrayBuffer }>(
        "SELECT times FROM counts WHERE policy = ? AND algorithm = ? AND key = ?",
        policy,
        algorithm,
        key,
      )
      .toArray();
    return row === undefined ? [] : Array.from(new Float64Array(row.times));
  }

  /** Every count, or null where there are more than `most`. */
  readAll(most: number): readonly (readonly [CountKey, Count])[] | null {
    if (!this.#exists) return [];
    const rows = this.#sql
      .exec<{ policy: string; algorithm: ExactAlgorithm; key: string; times: ArrayBuffer }>(
        "SELECT policy, algorithm, key, times FROM counts LIMIT ?",
        most + 1,
      )
      .toArray();
    if (rows.length > most) return null;
    return rows.map(({ times, ...key }) => [key, Array.from(new Float64Array(times))]);
  }

  /** @param endsAt when the key is as one never seen, ms since the epoch. */
  write({ policy, algorithm, key }: CountKey, count: Count, endsAt: number): void {
    const sweepAt = (Math.ceil(endsAt / SWEEP_STEP_MS) + 1) * SWEEP_STEP_MS;
    this.#sql.exec(
      `INSERT INTO counts (policy, algorithm, key, times, sweep_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (policy, algorithm, key) DO UPDATE SET times = excluded.times, sweep_at = excluded.sweep_at`,
      policy,
      algorithm,
      key,
      Float64Array.from(count).buffer,
      sweepAt,
    );
  }

  /** Deletes up to `most` rows whose last unit has ended. */
  sweep(now: number, most: number): void {
    this.#sql.exec(
      `DELETE FROM counts WHERE (policy, algorithm, key) IN
         (SELECT policy, algorithm, key FROM counts WHERE sweep_at <= ? LIMIT ?)`,
      now,
      most,
    );
  }

  /** When the next row can be swept, ms since the epoch; null when there is none. */
  nextSweepAt(): number | null {
    if (!this.#exists) return null;
    return this.#sql.exec<{ next: number | null }>("SELECT min(sweep_at) AS next FROM counts").one().next;
  }
}
