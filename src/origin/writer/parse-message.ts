/**
 * From a message of the queue to what it carries. Each event is judged by itself, so that one that is none spoils no other.
 *
 * A message is the text that `event-messages.ts` writes: a JSON object with nothing but `events`, at least one. A bare event
 * as an object is read too: it was sent by a version before this form, or by an operator's replay of a dead letter.
 */
import * as v from "valibot";
import type { ProductEvent } from "../../../durable-objects/product/protocol.ts";
import { type ParsedMessage, parseEvent } from "./parse-event.ts";

/** One thing in a message: an event, or something that is none; `body` is what stood there. */
export type Part = ParsedMessage & { readonly body: unknown };

const envelope = v.strictObject({ events: v.pipe(v.array(v.unknown()), v.minLength(1)) });

/** What a message's body carries: always something, be it only the whole body as one thing that is no event. */
export function parseMessage(body: unknown): readonly Part[] {
  if (typeof body !== "string") return [{ ...parseEvent(body), body }];
  const parsed = v.safeParse(envelope, readJson(body), { abortEarly: true });
  if (!parsed.success) return [{ ok: false, reason: "body: not the text of a list of events", body }];
  return parsed.output.events.map((event) => ({ ...parseEvent(event), body: event }));
}

/** The events among the parts. */
export function eventsOf(parts: readonly Part[]): ProductEvent[] {
  return parts.flatMap((part) => (part.ok ? [part.event] : []));
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
