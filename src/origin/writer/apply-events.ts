/**
 * Applies events to the origin's Postgres: as many as may be in one transaction, or, if the content of one of them prevents
 * that, in as few smaller ones as it takes to set that one aside. All on one connection, one after the other. Exactly one
 * effect per event, however often it comes.
 */
import type { TransactionSql } from "postgres";
import type { ProductEvent } from "../../../durable-objects/product/protocol.ts";
import { type Database, transact } from "../database.ts";
import { type Decision, decideBatch, inLedgerOrder } from "./decide-batch.ts";
import { classifyFailure, type Failure, WriteConflict } from "./failure.ts";
import { isOrderEvent, isStockEvent } from "./parse-event.ts";
import * as statements from "./statements.ts";

/**
 * Events in one transaction: beyond it Postgres gains nothing by company (docs/decisions/0031), and what is locked, and lost if it
 * fails, only grows.
 */
const TRANSACTION_EVENTS = 1000;

/** How often a transaction is tried that lost against another. Product rows are locked in order, so it hardly ever does. */
const CONFLICT_ATTEMPTS = 3;

/** The table's own word on impossible counts, should the decision have let them pass. */
const CHECK_VIOLATION = "23514";

const IMPOSSIBLE = "The counts would be impossible: an earlier event is missing";

const CONTRADICTION = "Its order belongs to another product, round or buyer";

/** What became of one event; `reason` is for an operator. */
export type Outcome =
  /** Postgres has it, now or already before. */
  | { readonly status: "applied" }
  /** An event that must come before has not come yet. */
  | { readonly status: "not-yet"; readonly reason: string }
  /** Its content is impossible. */
  | { readonly status: "failed"; readonly reason: string }
  /** Postgres could not be asked, or its answer was lost. */
  | { readonly status: "unavailable"; readonly reason: string };

/** By event id. */
export type Outcomes = ReadonlyMap<string, Outcome>;

/** Applies the events and tells what became of each. Does not throw: a fault of the database is an outcome. */
export async function applyEvents(database: Database, events: readonly ProductEvent[]): Promise<Outcomes> {
  const outcomes = new Map<string, Outcome>();
  // What is left to do: a part that fails for its content is halved, and its halves are done first.
  const parts = cut(inLedgerOrder(events));
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    if (part.length === 0) continue;
    const result = await applyTogether(database, part);
    if ("notYet" in result) {
      for (const event of part) outcomes.set(event.eventId, { status: "applied" });
      for (const event of result.notYet) outcomes.set(event.eventId, { status: "not-yet", reason: tellMissing(event) });
      for (const event of result.impossible) outcomes.set(event.eventId, { status: "not-yet", reason: IMPOSSIBLE });
      for (const event of result.contradictory)
        outcomes.set(event.eventId, { status: "failed", reason: CONTRADICTION });
    } else if (result.kind !== "data") {
      const reason = `Postgres is unavailable: ${result.code}`;
      for (const event of [part, ...parts].flat()) outcomes.set(event.eventId, { status: "unavailable", reason });
      return outcomes;
    } else if (part.length === 1) {
      for (const event of part) outcomes.set(event.eventId, decideDataOutcome(result));
    } else {
      const middle = Math.ceil(part.length / 2);
      parts.unshift(part.slice(0, middle), part.slice(middle));
    }
  }
  return outcomes;
}

/** The list in runs of one transaction each. */
function cut(events: readonly ProductEvent[]): ProductEvent[][] {
  const count = Math.ceil(events.length / TRANSACTION_EVENTS);
  return Array.from({ length: count }, (_, run) =>
    events.slice(run * TRANSACTION_EVENTS, (run + 1) * TRANSACTION_EVENTS),
  );
}

type Committed = Pick<Decision, "notYet" | "impossible" | "contradictory">;

async function applyTogether(database: Database, events: readonly ProductEvent[]): Promise<Committed | Failure> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await transact(database, (transaction) => applyInside(transaction, events));
    } catch (error) {
      const failure = classifyFailure(error);
      if (failure.kind !== "conflict" || attempt === CONFLICT_ATTEMPTS) return failure;
    }
  }
}

/** One transaction's work: lock, read, decide, write. Statements that do not need each other's answers go out together. */
async function applyInside(sql: TransactionSql, events: readonly ProductEvent[]): Promise<Committed> {
  const eventIds = distinct(events.map((event) => event.eventId));
  const orderIds = distinct(events.filter(isOrderEvent).map((event) => event.orderId));
  const [, products] = await Promise.all([
    statements.ensureProducts(sql, distinct(events.filter(isStockEvent).map((event) => event.productId))),
    statements.lockProducts(sql, distinct(events.map((event) => event.productId))),
  ]);
  const [appliedBefore, orders] = await Promise.all([
    statements.findApplied(sql, eventIds),
    statements.readOrders(sql, orderIds),
  ]);

  const decision = decideBatch({ products, orders, appliedBefore }, events);
  const { notYet, impossible, contradictory } = decision;
  const setAside = new Set([...notYet, ...impossible, ...contradictory].map((event) => event.eventId));

  const [recorded, ordersWritten, productsWritten] = await Promise.all([
    decision.record.length > 0 ? statements.recordEvents(sql, decision.record) : 0,
    decision.orders.length > 0 ? statements.writeOrders(sql, decision.orders) : 0,
    decision.products.length > 0 ? statements.writeProducts(sql, decision.products) : 0,
    statements.resolveDeadLetters(
      sql,
      eventIds.filter((eventId) => !setAside.has(eventId)),
    ),
  ]);
  assertWritten("order_events", decision.record.length, recorded);
  assertWritten("orders", decision.orders.length, ordersWritten);
  assertWritten("products", decision.products.length, productsWritten);
  return decision;
}

/** The optimistic guard: what was decided on must still be so when it is written. */
function assertWritten(table: string, wanted: number, written: number): void {
  if (wanted !== written) throw new WriteConflict(`${table}: wrote ${written} rows, want ${wanted}`);
}

function decideDataOutcome(failure: Failure): Outcome {
  const constraint = failure.constraint === undefined ? "" : ` (${failure.constraint})`;
  if (failure.code !== CHECK_VIOLATION)
    return { status: "failed", reason: `Postgres refuses it: ${failure.code}${constraint}` };
  return { status: "not-yet", reason: `${IMPOSSIBLE}${constraint}` };
}

function tellMissing(event: ProductEvent): string {
  return `Round ${event.round} of ${event.productId} is not known yet: its stock event is missing`;
}

function distinct(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}
