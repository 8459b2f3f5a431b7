/**
 * The writer: the queue's consumer that brings order events into the origin's Postgres.
 *
 * A message is acknowledged to the queue when Postgres has its events, and the events to their products' outboxes then too:
 * also when Postgres had them before, because the outbox asks again only if it missed the answer. Whatever goes wrong is
 * tried again later, by itself where the rest of its message went through; the queue moves it to the dead letters when its
 * attempts are used up.
 */
import { groupSendings, writeMessage } from "../../../durable-objects/product/event-messages.ts";
import type { ProductEvent } from "../../../durable-objects/product/protocol.ts";
import type { WriterConfig } from "../../config.ts";
import { describeFault, logEvent } from "../../log.ts";
import { openDatabase } from "../database.ts";
import { groupByProduct, productInbox } from "../product-inbox.ts";
import { applyEvents, type Outcome, type Outcomes } from "./apply-events.ts";
import { CLOSED_BREAKER, decideBreaker, decidePause } from "./breaker.ts";
import { decideMessage, type MessageDecision } from "./decide-message.ts";
import { eventsOf, type Part, parseMessage } from "./parse-message.ts";
import { decideRetryDelay } from "./retry-delay.ts";

/** What a consumer of the queues needs of the platform. */
export type WriterEnv = Pick<Env, "ORIGIN_DB" | "PRODUCT" | "ORDER_EVENTS">;

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
  const deliveries = batch.messages.map((message) => ({ message, parts: parseMessage(message.body) }));
  const events = deliveries.flatMap(({ parts }) => eventsOf(parts));
  let outcomes: Outcomes = new Map<string, Outcome>();
  if (events.length > 0) {
    outcomes = await applyEvents(openDatabase(env.ORIGIN_DB.connectionString, config.timeoutMs), events);
    breaker = decideBreaker(breaker, isAvailable(outcomes), config, Date.now());
  }
  await Promise.all([
    acknowledge(env, events, outcomes),
    ...deliveries.map(({ message, parts }) => settle(env, message, decideMessage(parts, outcomes))),
  ]);
}

function isAvailable(outcomes: Outcomes): boolean {
  return ![...outcomes.values()].some((outcome) => outcome.status === "unavailable");
}

async function settle(env: WriterEnv, message: Message, decision: MessageDecision): Promise<void> {
  if (decision.action === "done") {
    message.ack();
    return;
  }
  const { eventId, reason } = decision;
  const { id: messageId, attempts } = message;
  const delaySeconds = decideRetryDelay(attempts);
  if (decision.action === "retry") {
    logEvent("warn", "event-retried", { eventId, messageId, attempts, reason });
    message.retry({ delaySeconds });
    return;
  }
  const messages = decision.groups.length;
  logEvent("warn", "events-set-apart", { eventId, messageId, attempts, messages, reason });
  try {
    await sendApart(env, decision.groups, delaySeconds);
    message.ack();
  } catch (error) {
    // The message has them still: all of it comes again, and what was applied has no second effect.
    logEvent("warn", "events-not-set-apart", { messageId, fault: describeFault(error) });
    message.retry({ delaySeconds });
  }
}

/** Sends groups of what was in one message, each as a message of its own, with the delay that a retry would have. */
async function sendApart(
  env: Pick<Env, "ORDER_EVENTS">,
  groups: readonly (readonly Part[])[],
  delaySeconds: number,
): Promise<void> {
  const messages = groups.map((parts) => writeMessage(parts.map(({ body }) => JSON.stringify(body))));
  for (const sending of groupSendings(messages)) {
    await env.ORDER_EVENTS.sendBatch(sending.map((body) => ({ body, contentType: "text", delaySeconds })));
  }
}

/** Tells the outboxes what Postgres has, in one call each: a batch bounds how much that is. A lost call costs nothing but another delivery of the same events. */
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
