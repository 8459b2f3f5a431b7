/**
 * When the object has something to do next, and the one alarm that wakes it for that: holds that are over, a round that
 * closes, events to be sent again, what leaves the object.
 *
 * Kept in memory beside the rows, so that a commit need not look it up; a new instance reads it from them. An alarm that is too early
 * costs a wake-up, and one that never comes costs nothing but time: expiry is decided on read. It decides nothing itself.
 */
import type { LedgerBatch } from "./ledger-batch.ts";
import { RESEND_AFTER_MS } from "./outbox.ts";
import type { ProductStatements } from "./statements.ts";
import { earliest, nextTidyAt } from "./tidy.ts";

export interface AgendaOptions {
  readonly statements: ProductStatements;
  /** Replaces the alarm that is set. @param at ms since the epoch */
  readonly setAlarm: (at: number) => void;
}

export class Agenda {
  readonly #options: AgendaOptions;
  /** When the alarm is set to; null when it is not set. */
  #alarmAt: number | null = null;
  #dueAt: number | null = null;
  /** When something stored may leave; null when nothing is. */
  #tidyAt: number | null = null;

  constructor(options: AgendaOptions) {
    this.#options = options;
  }

  /** A new instance: what is stored says what there is to do. @param alarmAt when its alarm is set to */
  begin(alarmAt: number | null): void {
    this.#alarmAt = alarmAt;
    this.#tidyAt = this.#findTidyAt();
    this.plan();
  }

  /** Not before this a read has to release or close something first; null when nothing is open. May be too early, never too late. */
  get dueAt(): number | null {
    return this.#dueAt;
  }

  isDue(now: number): boolean {
    return this.#dueAt !== null && this.#dueAt <= now;
  }

  /** The alarm came, and none is set now. */
  noteAlarm(): void {
    this.#alarmAt = null;
  }

  isTidyDue(now: number): boolean {
    return this.#tidyAt !== null && this.#tidyAt <= now;
  }

  /** A step of tidying begins: its own commit must not find it due. */
  beginTidying(): void {
    this.#tidyAt = null;
  }

  /** The next step of tidying comes at `at`, or before; null: nothing new is to leave. */
  tidyBy(at: number | null): void {
    this.#tidyAt = earliest(this.#tidyAt, at);
  }

  /** After a commit. */
  planAfter(batch: LedgerBatch): void {
    // Whatever ended now leaves then, or later.
    if (batch.events.length > 0) this.tidyBy(batch.now + batch.head().orderRetentionMs);
    if (batch.onlyAdded && this.#alarmAt !== null) this.#planForHolds(batch);
    else this.plan();
  }

  /** Looks up what is due next, and sets the alarm if it would come too late for that. */
  plan(): void {
    const { statements } = this.#options;
    if (!statements.exists) return;
    const round = statements.currentRound();
    const nextReleaseAt = statements.orders.nextReleaseAt();
    // A round that is over ends with its last hold: until then there is no closing to wait for.
    const closesAt = round === null || round.closed || round.ledger.held > 0 ? null : round.closesAt;
    this.#dueAt = earliest(nextReleaseAt, closesAt);
    const next = earliest(this.#dueAt, statements.outbox.nextSendAt(), this.#tidyAt);
    if (next !== null) this.wakeBy(next);
  }

  /** The same without a look, where a commit added holds and events and ended nothing. */
  #planForHolds({ now, events, firstReleaseAt }: LedgerBatch): void {
    this.#dueAt = earliest(this.#dueAt, firstReleaseAt);
    const next = earliest(this.#dueAt, events.length === 0 ? null : now + RESEND_AFTER_MS, this.#tidyAt);
    if (next !== null) this.wakeBy(next);
  }

  /** The alarm comes at `at`, or before. */
  wakeBy(at: number): void {
    if (this.#alarmAt !== null && this.#alarmAt <= at) return;
    this.#alarmAt = at;
    this.#options.setAlarm(at);
  }

  #findTidyAt(): number | null {
    const { statements } = this.#options;
    const head = statements.head();
    const round = statements.currentRound();
    return head === null || round === null ? null : nextTidyAt(statements, head, round.closed, Date.now());
  }
}
