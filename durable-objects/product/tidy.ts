/**
 * What leaves the object by and by: orders that are over, delivered and past their retention; callbacks; rounds long gone.
 *
 * A bounded step per commit, the oldest first; the caller goes on with the next step while there is more. An order whose events
 * Postgres does not have yet (or that stand in the dead letters) is passed by until a later pass. No decision depends on
 * when or whether this runs.
 */
import type { EndedKind, EndedPlace } from "./archive-statements.ts";
import type { LedgerBatch } from "./ledger-batch.ts";
import { decideCutoff } from "./retention.ts";
import type { ProductHead } from "./rows.ts";
import type { ProductStatements } from "./statements.ts";

/** Orders of each kind that one step looks at, and callbacks that it forgets: bounds how long the object is deaf. */
const STEP_ROWS = 500;
/** Rounds that are kept: beyond, and when all its orders have left, a round is forgotten. */
const ROUNDS_KEPT = 1000;
/** Rounds that one step forgets. */
const STEP_ROUNDS = 50;
/** Orders that were passed by are looked at again after so long. */
const PASSED_BY_AGAIN_MS = 3_600_000;

/** Where the present pass stands; it is kept in memory only, and begins anew when it is lost. */
export interface Pass {
  readonly unpaid: EndedPlace | null;
  readonly paid: EndedPlace | null;
  /** Orders were passed by. */
  readonly passedBy: boolean;
}

export const FIRST_STEP: Pass = { unpaid: null, paid: null, passedBy: false };

export interface Tidied {
  readonly pass: Pass;
  /** The pass is not over: the next step may follow at once. */
  readonly hasMore: boolean;
  /** When there is something to do again; null: when something new has ended. */
  readonly nextAt: number | null;
}

/** One step. */
export function tidy(batch: LedgerBatch, pass: Pass): Tidied {
  const { statements, now } = batch;
  const current = batch.current();
  if (current === null) return { pass: FIRST_STEP, hasMore: false, nextAt: null };
  const unpaid = archiveSome(batch, "unpaid", pass.unpaid);
  const paid = archiveSome(batch, "paid", pass.paid);
  const callbacks = statements.deleteCallbacksOver(now, STEP_ROWS);
  const rounds = statements.archive.forgetRounds(current.round - ROUNDS_KEPT, STEP_ROUNDS);
  const hasMore = unpaid.hasMore || paid.hasMore || callbacks === STEP_ROWS || rounds === STEP_ROUNDS;
  const passedBy = pass.passedBy || unpaid.passedBy || paid.passedBy;
  if (hasMore) return { pass: { unpaid: unpaid.place, paid: paid.place, passedBy }, hasMore, nextAt: now };
  const cutoff = decideCutoff(batch.head().orderRetentionMs, now);
  const dueAt = nextTidyAt(statements, batch.head(), current.closed, now, cutoff);
  const againAt = passedBy ? now + PASSED_BY_AGAIN_MS : null;
  return { pass: FIRST_STEP, hasMore, nextAt: earliest(dueAt, againAt) };
}

interface Archived {
  readonly place: EndedPlace | null;
  readonly hasMore: boolean;
  readonly passedBy: boolean;
}

function archiveSome(batch: LedgerBatch, kind: EndedKind, place: EndedPlace | null): Archived {
  const { statements, now } = batch;
  const cutoff = decideCutoff(batch.head().orderRetentionMs, now);
  let passedBy = false;
  let last = place;
  const ended = statements.archive.ended(kind, place, cutoff, STEP_ROWS);
  for (const order of ended) {
    // Rounds follow one another, so that all later ones are of the open round as well.
    if (kind === "paid" && isOfOpenRound(batch, order.round)) return { place: last, hasMore: false, passedBy };
    last = order;
    if (statements.outbox.isPending(order.orderId)) passedBy = true;
    else batch.archive(order);
  }
  return { place: last, hasMore: ended.length === STEP_ROWS, passedBy };
}

/** Paid orders of the round that is not closed stay: the buyer's cap is counted from them. */
function isOfOpenRound(batch: LedgerBatch, round: number): boolean {
  const current = batch.current();
  return current !== null && !current.closed && round === current.round;
}

/**
 * When the first thing stored is to go; null: nothing is, before something else ends. Orders that ended until `after` are left out.
 *
 * @default after: none is left out
 */
export function nextTidyAt(
  statements: ProductStatements,
  head: ProductHead,
  isClosed: boolean,
  now: number,
  after = 0,
): number | null {
  const keptMs = now - decideCutoff(head.orderRetentionMs, now);
  const unpaid = statements.archive.firstEndedAfter("unpaid", after);
  const paid = statements.archive.firstEndedAfter("paid", after);
  const isStaying = paid !== null && !isClosed && paid.round === head.round;
  return earliest(
    unpaid === null ? null : unpaid.endedAt + keptMs,
    paid === null || isStaying ? null : paid.endedAt + keptMs,
    statements.nextCallbackOverAt(),
  );
}

/** The earliest of the times; null: there is none. */
export function earliest(...times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null);
  return known.length === 0 ? null : Math.min(...known);
}
