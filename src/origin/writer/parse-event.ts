/**
 * From a message of the queue to an event, or the reason why it is none. Strict: an unknown key, a number that Postgres
 * cannot hold or a text that it cannot store makes a message poison here, before it can spoil a batch.
 */
import * as v from "valibot";
import type { OrderEvent, ProductEvent, StockEvent } from "../../../durable-objects/product/protocol.ts";
import { isStorable } from "../../text.ts";

/** The largest value of a Postgres integer. */
const MAX_INTEGER = 2_147_483_647;

/** The end of the year 9999 in ms since the epoch: later times are written in ways that Postgres does not read. */
const MAX_TIME_MS = 253_402_300_799_999;

/** Longer ids would not fit into an index of Postgres; ours are far shorter. */
const MAX_ID_LENGTH = 300;

/** Titles and buyer ids are bounded where they enter the gateway; this only keeps nonsense out of the tables. */
const MAX_TEXT_LENGTH = 2000;

const storable = v.check(isStorable, "Invalid text: want no U+0000 and no lone surrogate");
const text = v.pipe(v.string(), v.maxLength(MAX_TEXT_LENGTH), storable);
const id = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_ID_LENGTH), storable);
const whole = (least: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(MAX_INTEGER));
const time = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_TIME_MS));

const base = {
  eventId: id,
  productId: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,64}$/)),
  round: whole(1),
  seq: whole(0),
  version: whole(1),
  at: time,
  requestId: text,
  traceparent: text,
};

const order = {
  ...base,
  orderId: id,
  buyerId: id,
  quantity: whole(1),
  paymentId: v.nullable(id),
  holdExpiresAt: time,
  createdAt: time,
};

/** An order event's type says the status after the change; an event in which the two differ is none. */
const eventSchema = v.variant("type", [
  v.strictObject({ ...order, type: v.literal("order.held"), status: v.literal("held") }),
  v.strictObject({ ...order, type: v.literal("order.paid"), status: v.literal("paid") }),
  v.strictObject({ ...order, type: v.literal("order.cancelled"), status: v.literal("cancelled") }),
  v.strictObject({ ...order, type: v.literal("order.expired"), status: v.literal("expired") }),
  v.strictObject({ ...order, type: v.literal("order.refund_due"), status: v.literal("refund_due") }),
  v.strictObject({
    ...base,
    type: v.picklist(["stock.allocated", "stock.changed", "stock.closed"]),
    title: text,
    allocated: whole(0),
    withdrawn: whole(0),
    returned: whole(0),
  }),
]);

export type ParsedMessage =
  | { readonly ok: true; readonly event: ProductEvent }
  /** `reason` names the field and what is wrong with it, for an operator. */
  | { readonly ok: false; readonly reason: string };

/** The event in a message's body. */
export function parseEvent(body: unknown): ParsedMessage {
  const parsed = v.safeParse(eventSchema, body, { abortEarly: true });
  if (parsed.success) return { ok: true, event: parsed.output };
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue) ?? "body";
  // Not the library's message: it repeats what was received, and reasons are logged.
  return { ok: false, reason: `${path}: not a valid ${issue.type}` };
}

/** Whether the event is about an order; otherwise it is about the round's stock. */
export function isOrderEvent(event: ProductEvent): event is OrderEvent {
  return "orderId" in event;
}

/** Whether the event is about the round's stock. */
export function isStockEvent(event: ProductEvent): event is StockEvent {
  return !isOrderEvent(event);
}
