/**
 * The control object: what operators change while the gateway runs, without a deploy. Lists of who is let in, kept out or
 * suspected, and overrides of the limits' policies.
 *
 * Identity: one object, named `control`. Every isolate asks it about once a second what has changed, so the usual answer is
 * "the same" from memory, the next a few rows, and only an isolate that knows nothing gets everything, as texts that are made
 * once for all of them. Every change is one transaction with its audit entry.
 *
 * What it must not do: decide about a request; the edge does, by its copy and its own clock. What it gives up: it is one
 * object, good for about a thousand askers a second, and an audit entry of an import has counts and not every entry.
 */
import { DurableObject } from "cloudflare:workers";
import { describeFault, logEvent } from "../../src/log.ts";
import { ok, refused } from "../../src/result.ts";
import { encodePage } from "./entry-page.ts";
import type {
  ControlApi,
  ControlAuditEntry,
  ControlCause,
  EntryKey,
  ListAnswer,
  ListChange,
  ListPage,
  ListQuery,
  NewEntry,
  OverrideEntry,
  Snapshot,
} from "./protocol.ts";
import { ControlStatements } from "./statements.ts";

/** Entries on all lists together: about 20 MB of an isolate's 128, see docs/lists.md. */
export const ENTRIES_MAX = 100_000;
/** Rows in one answer: some 1.5 MB of text, and few enough that an isolate reads them without a pause that is felt. */
const PAGE_ROWS = 20_000;
/** Changes that are told one by one; beyond that a new full snapshot is less work. */
const DELTA_ROWS_MAX = 5000;
/** Removals that are remembered. More would not fit a delta. */
const REMOVALS_MAX = DELTA_ROWS_MAX;
/** Audit entries that are kept, of some 500 bytes each. */
const AUDIT_ENTRIES_MAX = 10_000;
/** Entries that an import's audit entry names, beside their number. */
const AUDIT_SAMPLE = 20;
/** Rows that one alarm deletes; if more are over, it comes again at once. */
const SWEEP_PER_ALARM = 5000;
/** Expiry does not wait for the alarm, so rows that are over may lie for a while and go together. */
const SWEEP_STEP_MS = 60_000;
/** When an alarm failed: soon again, long before the platform would give up on it. */
const ALARM_RETRY_MS = 5000;

interface FullSnapshot {
  readonly version: number;
  readonly pages: readonly string[];
}

export class ControlObject extends DurableObject<Env> implements ControlApi {
  readonly #statements: ControlStatements;
  /** As stored; kept because every isolate asks for it about once a second. */
  #version: number;
  /** The last full snapshot that was asked for: still good while what has changed since fits a delta. */
  #full: FullSnapshot | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#statements = new ControlStatements(ctx.storage.sql);
    if (this.#statements.exists) ctx.storage.transactionSync(() => this.#statements.upgrade());
    this.#version = this.#statements.head().version;
  }

  async version(): Promise<number> {
    return this.#version;
  }

  async snapshot(since: number): Promise<Snapshot> {
    const version = this.#version;
    if (since === version) return { kind: "same", version };
    const delta = this.#delta(since);
    if (delta !== null) return delta;
    if (this.#full === null || this.#delta(this.#full.version) === null) this.#full = this.#readAll();
    const { version: at, pages } = this.#full;
    return { kind: "full", version: at, pages: pages.length, overrides: await this.overrides() };
  }

  async page(version: number, index: number): Promise<string | null> {
    return this.#full?.version === version ? (this.#full.pages[index] ?? null) : null;
  }

  async list(query: ListQuery): Promise<ListPage> {
    const now = Date.now();
    const entries = this.#statements.list(query, now);
    return {
      entries: entries.slice(0, query.limit),
      more: entries.length > query.limit,
      total: this.#statements.countLive(now),
      version: this.#version,
    };
  }

  async putEntries(entries: readonly NewEntry[], cause: ControlCause): Promise<ListAnswer> {
    const now = Date.now();
    const change = this.#change(() => {
      if (!this.#makeRoom(entries, now)) return null;
      this.#statements.putEntries(entries, { version: this.#version, now, requestId: cause.requestId });
      this.#moveTo(this.#version + entries.length);
      this.#record("put-entries", describeEntries(entries), now, cause);
      return this.#listChange(entries.length, now);
    });
    await this.#arm();
    return change === null ? refused(tooMany()) : ok(change);
  }

  async removeEntries(keys: readonly EntryKey[], cause: ControlCause): Promise<ListChange> {
    const now = Date.now();
    return this.#change(() => {
      const present = this.#statements.countPresent(keys);
      if (present > 0) this.#remove(keys, present);
      this.#record("remove-entries", { ...describeEntries(keys), found: present }, now, cause);
      return this.#listChange(present, now);
    });
  }

  async overrides(): Promise<readonly OverrideEntry[]> {
    return this.#statements.overrides(Date.now());
  }

  async setOverride(wanted: Omit<OverrideEntry, "setAt">, cause: ControlCause): Promise<OverrideEntry> {
    const now = Date.now();
    const override: OverrideEntry = { ...wanted, setAt: now };
    this.#change(() => {
      const before = this.#overrideOf(wanted.policy, now);
      this.#statements.putOverride(override);
      this.#moveOverrides();
      this.#record("set-override", { ...wanted, before }, now, cause);
    });
    await this.#arm();
    return override;
  }

  async removeOverride(policy: string, cause: ControlCause): Promise<boolean> {
    const now = Date.now();
    return this.#change(() => {
      const before = this.#overrideOf(policy, now);
      if (before === null) return false;
      this.#statements.removeOverride(policy);
      this.#moveOverrides();
      this.#record("remove-override", { policy, before }, now, cause);
      return true;
    });
  }

  async audit(before: number | null, limit: number): Promise<readonly ControlAuditEntry[]> {
    return this.#statements.audit(before, limit);
  }

  /** Deletes what is over. Nothing hangs on it but memory: whoever reads looks at the clock himself. */
  override async alarm(): Promise<void> {
    try {
      const now = Date.now();
      this.#change(() => {
        if (this.#statements.sweepOverrides(now) > 0) this.#moveOverrides();
        this.#sweepEntries(now, SWEEP_PER_ALARM);
      });
      await this.#arm();
    } catch (fault) {
      logEvent("error", "alarm-failed", { object: "control", fault: describeFault(fault) });
      await this.ctx.storage.setAlarm(Date.now() + ALARM_RETRY_MS);
    }
  }

  /** One transaction; whether it is kept or not, the version in memory is the stored one afterwards. */
  #change<Answer>(write: () => Answer): Answer {
    this.#statements.prepare();
    try {
      return this.ctx.storage.transactionSync(write);
    } finally {
      this.#version = this.#statements.head().version;
    }
  }

  /** Within a transaction: later steps of it count on. */
  #moveTo(version: number): void {
    this.#statements.setVersion(version);
    this.#version = version;
  }

  #moveOverrides(): void {
    this.#moveTo(this.#version + 1);
    this.#statements.setOverridesVersion(this.#version);
  }

  #remove(keys: readonly EntryKey[], present: number): void {
    this.#statements.removeEntries(keys, this.#version);
    this.#moveTo(this.#version + present);
    this.#statements.forgetRemovals(REMOVALS_MAX);
  }

  #sweepEntries(now: number, most: number): void {
    const over = this.#statements.expiredKeys(now, most);
    if (over.length > 0) this.#remove(over, over.length);
  }

  /** Whether the entries fit; entries that are over make room for them first. */
  #makeRoom(entries: readonly NewEntry[], now: number): boolean {
    const fits = () => this.#statements.countEntries() + this.#statements.countNew(entries) <= ENTRIES_MAX;
    if (fits()) return true;
    this.#sweepEntries(now, ENTRIES_MAX);
    return fits();
  }

  #listChange(changed: number, now: number): ListChange {
    return { changed, total: this.#statements.countLive(now), version: this.#version };
  }

  #overrideOf(policy: string, now: number): OverrideEntry | null {
    return this.#statements.overrides(now).find((override) => override.policy === policy) ?? null;
  }

  #record(action: string, detail: unknown, at: number, { requestId }: ControlCause): void {
    this.#statements.record({ at, requestId, action, detail }, AUDIT_ENTRIES_MAX);
  }

  /** What changed since `since`; null when that is not known any more, is too much, or is everything. */
  #delta(since: number): Snapshot | null {
    const head = this.#statements.head();
    // Who has nothing has nothing to take out.
    const isNew = since === 0;
    if (since > head.version || (!isNew && since < head.forgotten_version)) return null;
    const changed = this.#statements.entriesBetween(since, head.version, DELTA_ROWS_MAX + 1);
    const removed = isNew ? [] : this.#statements.removalsAfter(since, DELTA_ROWS_MAX + 1);
    if (changed.length + removed.length > DELTA_ROWS_MAX) return null;
    const entries = changed.map(({ list, subject, value, expiresAt }) => ({ list, subject, value, expiresAt }));
    const overrides = head.overrides_version > since ? this.#statements.overrides(Date.now()) : null;
    return { kind: "delta", version: head.version, removed, entries, overrides };
  }

  #readAll(): FullSnapshot {
    const pages: string[] = [];
    for (let after = 0; ; ) {
      const rows = this.#statements.entriesBetween(after, this.#version, PAGE_ROWS);
      const last = rows.at(-1);
      if (last === undefined) return { version: this.#version, pages };
      pages.push(encodePage(rows));
      after = last.version;
    }
  }

  async #arm(): Promise<void> {
    const next = this.#statements.exists ? this.#statements.nextExpiry() : null;
    if (next === null) return;
    await this.ctx.storage.setAlarm(Math.ceil(next / SWEEP_STEP_MS) * SWEEP_STEP_MS);
  }
}

/** What an audit entry tells of a call's entries. */
function describeEntries(entries: readonly (EntryKey & { readonly reason?: string })[]) {
  const reasons = [...new Set(entries.flatMap(({ reason }) => (reason === undefined ? [] : [reason])))];
  return { entries: entries.length, first: entries.slice(0, AUDIT_SAMPLE), reasons: reasons.slice(0, AUDIT_SAMPLE) };
}

function tooMany() {
  const message = `Must leave at most ${ENTRIES_MAX} entries on the lists`;
  return { code: "invalid-request", errors: [{ path: "entries", message }] } as const;
}
