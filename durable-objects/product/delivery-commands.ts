/** What the writer and the clock tell the object: events that Postgres has, events that were set aside, callbacks to be forgotten. */
import type { LedgerBatch } from "./ledger-batch.ts";

/** Postgres has these events. */
export function acknowledge({ statements }: LedgerBatch, eventIds: readonly string[]): void {
  if (!statements.exists) return;
  for (const eventId of eventIds) statements.outbox.delete(eventId);
}

/** These events stand in the dead letters: they are not sent by themselves any more. */
export function park({ statements }: LedgerBatch, eventIds: readonly string[]): void {
  if (!statements.exists) return;
  for (const eventId of eventIds) statements.outbox.park(eventId);
}

/** Forgets what nobody asks for any more. */
export function tidy({ statements, now }: LedgerBatch): void {
  if (statements.exists) statements.deleteCallbacksOver(now);
}
