/**
 * Dead letters: messages that the writer could not apply, kept in Postgres for an operator to look at and replay.
 *
 * A message comes here when its attempts are used up, which an outage of Postgres does to good events too. So each gets
 * a last try first; only what still fails is stored, and its product's outbox is told to stop sending it by itself.
 * A message of several events is stored as one letter each. While Postgres is down, the queue keeps the messages; the outbox
 * has the events in any case.
 */
import type { TransactionSql } from "postgres";
import type { WriterConfig } from "../config.ts";
import { describeFault, logEvent } from "../log.ts";
import { type Database, openDatabase, transact } from "./database.ts";
import { type DeadLetter, describeDeadLetter, restoreBody } from "./dead-letter.ts";
import { groupByProduct, productInbox } from "./product-inbox.ts";
import { applyEvents, type Outcome } from "./writer/apply-events.ts";
import { outcomeOf } from "./writer/decide-message.ts";
import { classifyFailure } from "./writer/failure.ts";
import { eventsOf, parseMessage } from "./writer/parse-message.ts";
import { acknowledge, type WriterEnv } from "./writer/write-batch.ts";

/** How often an event is tried here whose predecessor is missing: the predecessor may be in this very queue. */
const WAITING_ATTEMPTS = 5;

/** While Postgres is down, or an event waits; wrangler.toml allows 100 attempts, the outbox is patient after that. */
const RETRY_DELAY_SECONDS = 60;

/** A dead letter as an operator sees it. Times are ms since the epoch. */
export interface DeadLetterEntry {
  readonly eventId: string;
  readonly productId: string | null;
  readonly body: unknown;
  readonly reason: string;
  readonly attempts: number;
  readonly firstFailedAt: number;
  readonly lastFailedAt: number;
  readonly replayedAt: number | null;
}

/** Consumes a batch of the dead letter queue: applies what can be applied after all, stores the rest, retries in doubt. */
export async function storeDeadLetters(
  batch: MessageBatch,
  env: WriterEnv,
  config: Pick<WriterConfig, "timeoutMs">,
): Promise<void> {
  const database = openDatabase(env.ORIGIN_DB.connectionString, config.timeoutMs);
  const deliveries = batch.messages.map((message) => ({ message, parts: parseMessage(message.body) }));
  const events = deliveries.flatMap(({ parts }) => eventsOf(parts));
  const outcomes = await applyEvents(database, events);

  const dead: Dead[] = [];
  for (const { message, parts } of deliveries) {
    const decisions = parts.map((part) => ({
      body: part.body,
      ...decideDeadLetter(outcomeOf(part, outcomes), message.attempts),
    }));
    const letters = decisions.flatMap((one) =>
      one.action === "store" ? [{ body: one.body, reason: one.reason }] : [],
    );
    // All of a message or nothing: what is stored and comes again would be counted again.
    if (decisions.some(({ action }) => action === "wait")) message.retry({ delaySeconds: RETRY_DELAY_SECONDS });
    else if (letters.length === 0) message.ack();
    else dead.push({ message, letters });
  }
  await acknowledge(env, events, outcomes);
  if (dead.length > 0) await bury(dead, database, env);
}

/** A message, and what of it is to be stored. */
interface Dead {
  readonly message: Message;
  readonly letters: readonly { readonly body: unknown; readonly reason: string }[];
}

export type DeadLetterDecision =
  | { readonly action: "done" }
  | { readonly action: "wait" }
  | { readonly action: "store"; readonly reason: string };

/** What to do with one thing in a message of the dead letter queue after its last try. */
export function decideDeadLetter(outcome: Outcome, attempts: number): DeadLetterDecision {
  if (outcome.status === "unavailable") return { action: "wait" };
  if (outcome.status === "applied") return { action: "done" };
  if (outcome.status === "not-yet" && attempts < WAITING_ATTEMPTS) return { action: "wait" };
  return { action: "store", reason: outcome.reason };
}

async function bury(dead: readonly Dead[], database: Database, env: WriterEnv): Promise<void> {
  const letters = await Promise.all(
    dead.flatMap((one) => one.letters).map(({ body, reason }) => describeDeadLetter(body, reason)),
  );
  try {
    await transact(database, (inside) => writeDeadLetters(inside, letters));
  } catch (error) {
    logEvent("error", "dead-letters-not-stored", { letters: letters.length, fault: classifyFailure(error).code });
    for (const { message } of dead) message.retry({ delaySeconds: RETRY_DELAY_SECONDS });
    return;
  }
  for (const { message } of dead) message.ack();
  await park(env, letters);
}

async function park(env: WriterEnv, letters: readonly DeadLetter[]): Promise<void> {
  const parkable = letters.flatMap(({ productId, eventId }) => (productId === null ? [] : [{ productId, eventId }]));
  const calls = [...groupByProduct(parkable)].map(async ([productId, eventIds]) => {
    try {
      await productInbox(env, productId).park([...new Set(eventIds)]);
    } catch (error) {
      // The outbox sends the event again, it ends here again, and the product is told again.
      logEvent("warn", "dead-letters-not-parked", { productId, fault: describeFault(error) });
    }
  });
  await Promise.all(calls);
}

async function writeDeadLetters(sql: TransactionSql, letters: readonly DeadLetter[]): Promise<void> {
  const byId = new Map(letters.map((letter) => [letter.eventId, letter]));
  await sql`
    INSERT INTO dead_letters (event_id, product_id, body, reason, attempts, first_failed_at, last_failed_at)
    SELECT event_id, product_id, coalesce(body, 'null'), reason, 1, now(), now()
    FROM jsonb_to_recordset(${sql.json([...byId.values()].map(deadLetterRecord))}) AS d (
      event_id text, product_id text, body jsonb, reason text)
    ON CONFLICT (event_id) DO UPDATE SET
      product_id = excluded.product_id, body = excluded.body, reason = excluded.reason,
      attempts = dead_letters.attempts + 1, last_failed_at = excluded.last_failed_at, resolved_at = NULL`;
}

function deadLetterRecord(letter: DeadLetter) {
  return { event_id: letter.eventId, product_id: letter.productId, body: letter.body, reason: letter.reason };
}

/** The dead letters that still wait for an operator, oldest first, at most `limit`. */
export async function listDeadLetters(
  database: Database,
  { limit }: { readonly limit: number },
): Promise<DeadLetterEntry[]> {
  return await transact(database, async (inside) => {
    return await inside<DeadLetterEntry[]>`
      SELECT event_id AS "eventId", product_id AS "productId", body, reason, attempts,
        round(extract(epoch FROM first_failed_at) * 1000)::float8 AS "firstFailedAt",
        round(extract(epoch FROM last_failed_at) * 1000)::float8 AS "lastFailedAt",
        round(extract(epoch FROM replayed_at) * 1000)::float8 AS "replayedAt"
      FROM dead_letters WHERE resolved_at IS NULL
      ORDER BY first_failed_at, event_id LIMIT ${limit}::integer`;
  });
}

export interface ReplayedLetter {
  readonly productId: string | null;
  /** Milliseconds since the epoch. */
  readonly replayedAt: number;
}

/**
 * Sends a waiting dead letter to the writer again, as it came, and returns whose it is and when.
 * Null when none of that id waits. What fails again comes back under the same id.
 */
export async function replayDeadLetter(
  env: Pick<Env, "ORDER_EVENTS">,
  database: Database,
  eventId: string,
): Promise<ReplayedLetter | null> {
  return await transact(database, async (inside) => {
    const [letter] = await inside<(ReplayedLetter & { body: unknown })[]>`
      UPDATE dead_letters SET replayed_at = now() WHERE event_id = ${eventId} AND resolved_at IS NULL
      RETURNING body, product_id AS "productId", round(extract(epoch FROM replayed_at) * 1000)::float8 AS "replayedAt"`;
    if (letter === undefined) return null;
    // Sent before the commit: sent twice is harmless, marked but not sent would be a lie.
    await env.ORDER_EVENTS.send(restoreBody(letter.body));
    return { productId: letter.productId, replayedAt: letter.replayedAt };
  });
}
