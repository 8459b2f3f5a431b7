/** Every statement of the control object, typed. They run inside the object's transactions; none decides anything. */
import type {
  ControlAuditEntry,
  EntryKey,
  ListedEntry,
  ListEntry,
  ListQuery,
  NewEntry,
  OverrideEntry,
} from "./protocol.ts";
import {
  type AuditRow,
  type EntryRow,
  type HeadRow,
  type KeyRow,
  type ListedRow,
  OF_THIS_SCHEMA,
  type OverrideRow,
  SCHEMA,
} from "./schema.ts";

const NOTHING: HeadRow = { version: 0, overrides_version: 0, forgotten_version: 0 };

/** The keys of a call as rows of `named`: set-based, because a statement per entry costs several times as much. */
const NAMED = `named AS (
  SELECT value ->> 0 AS list, value ->> 1 AS subject, value ->> 2 AS value FROM json_each(?))`;

export class ControlStatements {
  readonly #sql: SqlStorage;
  #exists: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#exists =
      sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'control'").toArray().length > 0;
  }

  get exists(): boolean {
    return this.#exists;
  }

  /** Creates the tables. Not for a transaction: one that fails would take them back. */
  prepare(): void {
    if (this.#exists) return;
    this.#sql.exec(SCHEMA);
    this.#exists = true;
  }

  /** Makes `entries` anew where an earlier version made it: SQLite cannot change a CHECK. Within a transaction. */
  upgrade(): void {
    const [made] = this.#sql
      .exec<{ sql: string }>("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'entries'")
      .toArray();
    if (made === undefined || made.sql.includes(OF_THIS_SCHEMA)) return;
    this.#sql.exec("ALTER TABLE entries RENAME TO entries_before");
    this.#sql.exec(SCHEMA);
    this.#sql.exec(
      `INSERT INTO entries (list, subject, value, expires_at, reason, added_at, request_id, version)
       SELECT list, subject, value, expires_at, reason, added_at, request_id, version FROM entries_before`,
    );
    this.#sql.exec("DROP TABLE entries_before");
    // The old table had its indexes with it, under the names of the new ones.
    this.#sql.exec(SCHEMA);
  }

  head(): HeadRow {
    if (!this.#exists) return NOTHING;
    return this.#sql.exec<HeadRow>("SELECT version, overrides_version, forgotten_version FROM control").one();
  }

  setVersion(version: number): void {
    this.#sql.exec("UPDATE control SET version = ?", version);
  }

  setOverridesVersion(version: number): void {
    this.#sql.exec("UPDATE control SET overrides_version = ?", version);
  }

  /** All rows, the expired ones too. */
  countEntries(): number {
    return this.#sql.exec<{ rows: number }>("SELECT count(*) AS rows FROM entries").one().rows;
  }

  /** Rows in force at `now`. */
  countLive(now: number): number {
    if (!this.#exists) return 0;
    const expired = this.#sql.exec<{ rows: number }>(
      "SELECT count(*) AS rows FROM entries WHERE expires_at IS NOT NULL AND expires_at <= ?",
      now,
    );
    return this.countEntries() - expired.one().rows;
  }

  /** How many rows the keys would add. */
  countNew(keys: readonly EntryKey[]): number {
    return this.#sql
      .exec<{ rows: number }>(
        `WITH ${NAMED} SELECT count(*) AS rows FROM (SELECT DISTINCT list, subject, value FROM named) AS n
         WHERE NOT EXISTS (
           SELECT 1 FROM entries AS e WHERE e.list = n.list AND e.subject = n.subject AND e.value = n.value)`,
        keysJson(keys),
      )
      .one().rows;
  }

  /** How many of the keys have a row. */
  countPresent(keys: readonly EntryKey[]): number {
    return this.#sql
      .exec<{ rows: number }>(
        `WITH ${NAMED} SELECT count(*) AS rows FROM (SELECT DISTINCT list, subject, value FROM named) JOIN entries
         USING (list, subject, value)`,
        keysJson(keys),
      )
      .one().rows;
  }

  /** Puts the entries in, each with a version of its own after `version`. */
  putEntries(
    entries: readonly NewEntry[],
    { version, now, requestId }: { readonly version: number; readonly now: number; readonly requestId: string },
  ): void {
    const rows = entries.map(({ list, subject, value, expiresAt, reason }) => [
      list,
      subject,
      value,
      expiresAt,
      reason,
    ]);
    this.#sql.exec(
      `INSERT INTO entries (list, subject, value, expires_at, reason, added_at, request_id, version)
       SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, ?, ?, ? + key + 1 FROM json_each(?) WHERE true
       ON CONFLICT (list, subject, value) DO UPDATE SET expires_at = excluded.expires_at, reason = excluded.reason,
         added_at = excluded.added_at, request_id = excluded.request_id, version = excluded.version`,
      now,
      requestId,
      version,
      JSON.stringify(rows),
    );
  }

  /** Takes the keys' rows out, each with a version of its own after `version`. */
  removeEntries(keys: readonly EntryKey[], version: number): void {
    const json = keysJson(keys);
    this.#sql.exec(
      `WITH ${NAMED} INSERT INTO removals (version, list, subject, value)
       SELECT ? + row_number() OVER (ORDER BY list, subject, value), list, subject, value FROM entries
       WHERE (list, subject, value) IN (SELECT list, subject, value FROM named)`,
      json,
      version,
    );
    this.#sql.exec(
      `WITH ${NAMED} DELETE FROM entries WHERE (list, subject, value) IN (SELECT list, subject, value FROM named)`,
      json,
    );
  }

  /** The keys of up to `most` rows that are over. */
  expiredKeys(now: number, most: number): readonly EntryKey[] {
    return this.#sql
      .exec<KeyRow>(
        `SELECT list, subject, value FROM entries WHERE expires_at IS NOT NULL AND expires_at <= ?
         ORDER BY expires_at LIMIT ?`,
        now,
        most,
      )
      .toArray();
  }

  /** Keeps the newest `most` removals, and notes up to which version they are forgotten. */
  forgetRemovals(most: number): void {
    const [oldest] = this.#sql
      .exec<{ version: number }>("SELECT version FROM removals ORDER BY version DESC LIMIT 1 OFFSET ?", most)
      .toArray();
    if (oldest === undefined) return;
    this.#sql.exec("DELETE FROM removals WHERE version <= ?", oldest.version);
    this.#sql.exec("UPDATE control SET forgotten_version = ?", oldest.version);
  }

  /** Up to `most` entries in the order of their versions, `after` excluded, `until` included. */
  entriesBetween(after: number, until: number, most: number): readonly (ListedEntry & { readonly version: number })[] {
    return this.#sql
      .exec<ListedRow & { version: number }>(
        `SELECT list, subject, value, expires_at, version FROM entries WHERE version > ? AND version <= ?
         ORDER BY version LIMIT ?`,
        after,
        until,
        most,
      )
      .toArray()
      .map(({ list, subject, value, expires_at: expiresAt, version }) => ({
        list,
        subject,
        value,
        expiresAt,
        version,
      }));
  }

  removalsAfter(version: number, most: number): readonly EntryKey[] {
    return this.#sql
      .exec<KeyRow>(
        "SELECT list, subject, value FROM removals WHERE version > ? ORDER BY version LIMIT ?",
        version,
        most,
      )
      .toArray();
  }

  /** One row more than asked for tells that there are more. */
  list({ list, subject, value, after, limit }: ListQuery, now: number): readonly ListEntry[] {
    if (!this.#exists) return [];
    const conditions = ["(expires_at IS NULL OR expires_at > ?)"];
    const bound: SqlStorageValue[] = [now];
    for (const [column, wanted] of Object.entries({ list, subject, value })) {
      if (wanted === null) continue;
      conditions.push(`${column} = ?`);
      bound.push(wanted);
    }
    if (after !== null) {
      conditions.push("(list, subject, value) > (?, ?, ?)");
      bound.push(after.list, after.subject, after.value);
    }
    return this.#sql
      .exec<EntryRow>(
        `SELECT list, subject, value, expires_at, reason, added_at, request_id FROM entries
         WHERE ${conditions.join(" AND ")} ORDER BY list, subject, value LIMIT ?`,
        ...bound,
        limit + 1,
      )
      .toArray()
      .map(toListEntry);
  }

  overrides(now: number): readonly OverrideEntry[] {
    if (!this.#exists) return [];
    return this.#sql
      .exec<OverrideRow>("SELECT * FROM overrides WHERE expires_at > ? ORDER BY policy", now)
      .toArray()
      .map(toOverrideEntry);
  }

  putOverride({ policy, limit, mode, expiresAt, reason, setAt }: OverrideEntry): void {
    this.#sql.exec(
      `INSERT INTO overrides (policy, limit_units, mode, expires_at, reason, set_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (policy) DO UPDATE SET limit_units = excluded.limit_units, mode = excluded.mode,
         expires_at = excluded.expires_at, reason = excluded.reason, set_at = excluded.set_at`,
      policy,
      limit,
      mode,
      expiresAt,
      reason,
      setAt,
    );
  }

  removeOverride(policy: string): void {
    this.#sql.exec("DELETE FROM overrides WHERE policy = ?", policy);
  }

  /** Deletes overrides that are over; returns how many. */
  sweepOverrides(now: number): number {
    return this.#sql.exec("DELETE FROM overrides WHERE expires_at <= ? RETURNING policy", now).toArray().length;
  }

  /** When the next row is over; null when none ever is. */
  nextExpiry(): number | null {
    return this.#sql
      .exec<{ next: number | null }>(
        `SELECT min(at) AS next FROM (
           SELECT min(expires_at) AS at FROM entries WHERE expires_at IS NOT NULL
           UNION ALL SELECT min(expires_at) FROM overrides)`,
      )
      .one().next;
  }

  /** Adds to the audit list, and keeps its newest `most` entries. */
  record(entry: Omit<ControlAuditEntry, "entry">, most: number): void {
    this.#sql.exec(
      "INSERT INTO audit (at, request_id, action, detail) VALUES (?, ?, ?, ?)",
      entry.at,
      entry.requestId,
      entry.action,
      JSON.stringify(entry.detail),
    );
    this.#sql.exec("DELETE FROM audit WHERE entry <= (SELECT max(entry) FROM audit) - ?", most);
  }

  audit(before: number | null, most: number): readonly ControlAuditEntry[] {
    if (!this.#exists) return [];
    return this.#sql
      .exec<AuditRow>(
        "SELECT entry, at, request_id, action, detail FROM audit WHERE entry < ? ORDER BY entry DESC LIMIT ?",
        before ?? Number.MAX_SAFE_INTEGER,
        most,
      )
      .toArray()
      .map(({ entry, at, request_id: requestId, action, detail }) => ({
        entry,
        at,
        requestId,
        action,
        detail: JSON.parse(detail) as unknown,
      }));
  }
}

function keysJson(keys: readonly EntryKey[]): string {
  return JSON.stringify(keys.map(({ list, subject, value }) => [list, subject, value]));
}

function toListEntry(row: EntryRow): ListEntry {
  const { list, subject, value, expires_at: expiresAt, reason, added_at: addedAt, request_id: requestId } = row;
  return { list, subject, value, expiresAt, reason, addedAt, requestId };
}

function toOverrideEntry(row: OverrideRow): OverrideEntry {
  const { policy, limit_units: limit, mode, expires_at: expiresAt, reason, set_at: setAt } = row;
  return { policy, limit, mode, expiresAt, reason, setAt };
}
