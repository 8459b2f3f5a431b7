/**
 * The control object's tables (SQLite), and the rows as they come out of them.
 *
 * Times are milliseconds since the epoch. The tables are made with the first write: a gateway without lists and overrides
 * stores nothing.
 */
import type { ListKind, ListSubject, OverrideMode } from "./protocol.ts";

/**
 * `control`: one row. `version` counts up; every row that changes gets a number of its own. `overrides_version`: the version
 * at which an override changed last. `forgotten_version`: removals up to it are no longer told apart.
 */
export const SCHEMA = `
CREATE TABLE IF NOT EXISTS control (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL,
  overrides_version INTEGER NOT NULL,
  forgotten_version INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS entries (
  list TEXT NOT NULL CHECK (list IN ('allow', 'deny', 'suspect')),
  subject TEXT NOT NULL CHECK (subject IN ('cidr', 'asn', 'country', 'buyer')),
  value TEXT NOT NULL,
  expires_at INTEGER,
  reason TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (list, subject, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entries_version ON entries (version);
CREATE INDEX IF NOT EXISTS entries_expiry ON entries (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS removals (
  version INTEGER PRIMARY KEY,
  list TEXT NOT NULL,
  subject TEXT NOT NULL,
  value TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS overrides (
  policy TEXT PRIMARY KEY,
  limit_units INTEGER,
  mode TEXT,
  expires_at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  set_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audit (
  entry INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  action TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
INSERT INTO control (one, version, overrides_version, forgotten_version) VALUES (1, 0, 0, 0) ON CONFLICT DO NOTHING;
`;

/** Found in the text of `entries` as it is made now, and not as it was made before there was a list of suspects. */
export const OF_THIS_SCHEMA = "'suspect'";

export interface HeadRow extends Record<string, SqlStorageValue> {
  version: number;
  overrides_version: number;
  forgotten_version: number;
}

export interface KeyRow extends Record<string, SqlStorageValue> {
  list: ListKind;
  subject: ListSubject;
  value: string;
}

export interface ListedRow extends KeyRow {
  expires_at: number | null;
}

export interface EntryRow extends ListedRow {
  reason: string;
  added_at: number;
  request_id: string;
}

export interface OverrideRow extends Record<string, SqlStorageValue> {
  policy: string;
  limit_units: number | null;
  mode: OverrideMode | null;
  expires_at: number;
  reason: string;
  set_at: number;
}

export interface AuditRow extends Record<string, SqlStorageValue> {
  entry: number;
  at: number;
  request_id: string;
  action: string;
  detail: string;
}
