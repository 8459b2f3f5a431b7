/**
 * What the Worker and the control object say to each other. Types only: both sides import this file, neither imports the other.
 *
 * Times are milliseconds since the epoch. A version is a number that counts up with every row that changes.
 */
import type { RefusalOf } from "../../src/refusal.ts";
import type { Result } from "../../src/result.ts";

/** `allow` lets in and `deny` keeps out; `suspect` does neither: an entry of it is a signal for the risk stage. */
export type ListKind = "allow" | "deny" | "suspect";
export type ListSubject = "cidr" | "asn" | "country" | "buyer";

/** Names an entry. `value` is canonical: see `src/control/entry-value.ts`. */
export interface EntryKey {
  readonly list: ListKind;
  readonly subject: ListSubject;
  readonly value: string;
}

/** What the edge needs to know of an entry. */
export interface ListedEntry extends EntryKey {
  /** Null: it stays until it is removed. */
  readonly expiresAt: number | null;
}

export interface NewEntry extends ListedEntry {
  readonly reason: string;
}

/** An entry as an operator sees it. */
export interface ListEntry extends NewEntry {
  readonly addedAt: number;
  /** The request that brought it: its audit entry has the same. */
  readonly requestId: string;
}

export type OverrideMode = "enforce" | "shadow" | "off";

/** What replaces a policy's configured limit or mode until `expiresAt`. */
export interface PolicyOverride {
  readonly limit?: number;
  readonly mode?: OverrideMode;
  readonly expiresAt: number;
}

/** An override as an operator sees it. */
export interface OverrideEntry {
  readonly policy: string;
  readonly limit: number | null;
  readonly mode: OverrideMode | null;
  readonly expiresAt: number;
  readonly reason: string;
  readonly setAt: number;
}

/**
 * What changed since a version.
 *
 * `full`: too much to tell as changes. The entries are fetched page by page (`page()`), and after them what has changed since
 * `version`: only then is the copy of one moment.
 */
export type Snapshot =
  | { readonly kind: "same"; readonly version: number }
  | {
      readonly kind: "delta";
      readonly version: number;
      /** To be taken out before `entries` are put in. */
      readonly removed: readonly EntryKey[];
      readonly entries: readonly ListedEntry[];
      /** All of them; null when none has changed. */
      readonly overrides: readonly OverrideEntry[] | null;
    }
  | {
      readonly kind: "full";
      readonly version: number;
      readonly pages: number;
      /** All of them, at `version` or later. */
      readonly overrides: readonly OverrideEntry[];
    };

export interface ListQuery {
  readonly list: ListKind | null;
  readonly subject: ListSubject | null;
  readonly value: string | null;
  /** The last entry of the page before. */
  readonly after: EntryKey | null;
  readonly limit: number;
}

export interface ListPage {
  readonly entries: readonly ListEntry[];
  readonly more: boolean;
  /** Entries in force, of all lists. */
  readonly total: number;
  readonly version: number;
}

/** Which request caused a change. */
export interface ControlCause {
  readonly requestId: string;
}

export interface ListChange {
  /** Entries that the call put in, replaced or took out. */
  readonly changed: number;
  readonly total: number;
  readonly version: number;
}

export type ListAnswer = Result<ListChange, RefusalOf<"invalid-request">>;

export interface ControlAuditEntry {
  readonly entry: number;
  readonly at: number;
  readonly requestId: string;
  readonly action: string;
  readonly detail: unknown;
}

/** The control object's methods, as the Worker calls them. */
export interface ControlApi {
  version(): Promise<number>;
  /** @param since the version that the caller has; 0: it has nothing. */
  snapshot(since: number): Promise<Snapshot>;
  /** One page of the full snapshot of that version, encoded by `entry-page.ts`; null: it is no longer at hand, begin anew. */
  page(version: number, index: number): Promise<string | null>;
  list(query: ListQuery): Promise<ListPage>;
  /** All of them or none. What stands on the list already is replaced. */
  putEntries(entries: readonly NewEntry[], cause: ControlCause): Promise<ListAnswer>;
  /** What is not on the list is passed over. */
  removeEntries(keys: readonly EntryKey[], cause: ControlCause): Promise<ListChange>;
  /** Those in force. */
  overrides(): Promise<readonly OverrideEntry[]>;
  setOverride(override: Omit<OverrideEntry, "setAt">, cause: ControlCause): Promise<OverrideEntry>;
  /** False: there was none in force. */
  removeOverride(policy: string, cause: ControlCause): Promise<boolean>;
  /** The newest first. @param before only entries before this one; null: from the newest on. */
  audit(before: number | null, limit: number): Promise<readonly ControlAuditEntry[]>;
}
