/**
 * The writer: the queue's consumer that brings order events into the origin's Postgres.
 *
 * A message is acknowledged to the queue when Postgres has its event, and the event to its product's outbox then too:
 * also when Postgres had it before, because the outbox asks again only if it missed the answer. Whatever goes wrong, the
 * message is tried again later; the queue moves it to the dead letters when its attempts are used up.
 */
import type { ProductEvent } from "../../../durable-objects/product/protocol.ts";
import type { WriterConfig } from "../../config.ts";
import { describeFault, logEvent } from "../../log.ts";
import { openDatabase } from "../database.ts";
import { groupByProduct, productInbox } from "../product-inbox.ts";
import { applyEvents, type Outcomes } from "./apply-events.ts";
import { CLOSED_BREAKER, decideBreaker, decidePause } from "./breaker.ts";
import { type ParsedMessage, parseEvent } from "./parse-event.ts";
import { decideRetryDelay } from "./retry-delay.ts";

export type WriterEnv = Pick<Env, "ORIGIN_DB" | "PRODUCT">;

const SECOND_MS = 1000;

/** This isolate's experience with Postgres. */
let breaker = CLOSED_BREAKER;

/** Applies a batch of the queue and decides about each of its messages. */
export async function writeBatch(batch: MessageBatch, env: WriterEnv, config: WriterConfig): Promise<void> {
  const pauseMs = decidePause(breaker, Date.now());
  if (pauseMs > 0) {
    batch.retryAll({ delaySeconds: Math.ceil(pauseMs / SECOND_MS) });
    return;
  }
  const deliveries = batch.messages.map((message) => ({ message, parsed: parseEvent(message.body) }));
  const events = deliveries.flatMap(({ parsed }) => (parsed.ok ? [parsed.event] : []));
  if (events.length > 0) {
    const database = openDatabase(env.ORIGIN_DB.connectionString, config.timeoutMs);
    const outcomes = await applyEvents(database, events);
    breaker = decideBreaker(breaker, isAvailable(outcomes), config, Date.now());
    for (const { message, parsed } of deliveries) settle(message, parsed, outcomes);
    await acknowledge(env, events, outcomes);
  } else {
    for (const { message, parsed } of deliveries) settle(message, parsed, new Map());
  }
}

function isAvailable(outcomes: Outcomes): boolean {
  return ![...outcomes.values()].some((outcome) => outcome.status === "unavailable");
}

function settle(message: Message, parsed: ParsedMessage, outcomes: Outcomes): void {
  const outcome = parsed.ok ? outcomes.get(parsed.event.eventId) : undefined;
  if (outcome?.status === "applied") {
    message.ack();
    return;
  }
  const eventId = parsed.ok ? parsed.event.eventId : undefined;
  const reason = parsed.ok ? outcome?.reason : `Not an event: ${parsed.reason}`;
  logEvent("warn", "event-retried", { eventId, messageId: message.id, attempts: message.attempts, reason });
  message.retry({ delaySeconds: decideRetryDelay(message.attempts) });
}

/** Tells the outboxes what Postgres has. A lost call costs nothing but another delivery of the same events. */
export async function acknowledge(
  env: Pick<Env, "PRODUCT">,
  events: readonly ProductEvent[],
  outcomes: Outcomes,
): Promise<void> {
  const applied = events.filter((event) => outcomes.get(event.eventId)?.status === "applied");
  const calls = [...groupByProduct(applied)].map(async ([productId, eventIds]) => {
    try {
      await productInbox(env, productId).acknowledge([...new Set(eventIds)]);
    } catch (error) {
      logEvent("warn", "events-not-acknowledged", { productId, fault: describeFault(error) });
    }
  });
  await Promise.all(calls);
}
