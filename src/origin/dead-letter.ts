/** From something that failed to the row that keeps it: any body at all, also one that names no event or fits no jsonb. */
import type { JSONValue } from "postgres";
import { isStorable } from "../text.ts";

export interface DeadLetter {
  /** The event's id; `digest.<SHA-256 of the body>` where the body has none that could be a key. */
  readonly eventId: string;
  /** The product that the body names, if it can be one. */
  readonly productId: string | null;
  /** As it came; `{unstorable: <JSON text>}` where jsonb cannot hold it. */
  readonly body: JSONValue;
  readonly reason: string;
}

/** Longer ids would not fit into an index of Postgres. */
const MAX_ID_LENGTH = 300;

const PRODUCT_ID = /^[a-z0-9-]{1,64}$/;

/** What to keep of a message's body. The same body always gets the same id. */
export async function describeDeadLetter(body: unknown, reason: string): Promise<DeadLetter> {
  const json = toJson(body);
  const eventId = readText(body, "eventId");
  const productId = readText(body, "productId");
  return {
    eventId: isKey(eventId) ? eventId : `digest.${await digest(json)}`,
    productId: productId !== undefined && PRODUCT_ID.test(productId) ? productId : null,
    body: isStorableJson(json) ? JSON.parse(json) : { unstorable: json },
    reason,
  };
}

/** The message as it came, from the row that keeps it. */
export function restoreBody(body: unknown): unknown {
  const json = readText(body, "unstorable");
  return json === undefined ? body : JSON.parse(json);
}

/** What the queue may carry goes beyond JSON; of that, only that it came is kept. */
function toJson(body: unknown): string {
  try {
    return JSON.stringify(body) ?? "null";
  } catch {
    return "null";
  }
}

function isKey(eventId: string | undefined): eventId is string {
  return eventId !== undefined && eventId !== "" && eventId.length <= MAX_ID_LENGTH && isStorable(eventId);
}

/** Looks at the texts, keys included, as they will be when Postgres has read the JSON. */
function isStorableJson(json: string): boolean {
  let storable = true;
  JSON.parse(json, (key, value: unknown) => {
    storable &&= isStorable(key) && (typeof value !== "string" || isStorable(value));
    return value;
  });
  return storable;
}

function readText(body: unknown, key: string): string | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const value: unknown = Reflect.get(body, key);
  return typeof value === "string" ? value : undefined;
}

async function digest(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(hash).toHex();
}
