/** What the writer tells the object: events that Postgres has, and events that were set aside. */
import type { LedgerBatch } from "./ledger-batch.ts";

/** Postgres has these events. */
export function acknowledge({ statements }: LedgerBatch, eventIds: readonly string[]): void {
  if (!statements.exists) return;
  statements.outbox.delete(eventIds);
}

/** These events stand in the dead letters: they are not sent by themselves any more. */
export function park({ statements }: LedgerBatch, eventIds: readonly string[]): void {
  if (!statements.exists) return;
  for (const eventId of eventIds) statements.outbox.park(eventId);
}
