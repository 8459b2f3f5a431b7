/**
 * Calls that the gateway makes inside itself, made here in numbers and without a request around each: what a call to an
 * object costs, what a commit costs and each command in it, what the writer costs. Runs inside workerd.
 */
import * as v from "valibot";
import { packMessages } from "../../../durable-objects/product/event-messages.ts";

export const INNER_CALLS_PATH = "/plan/calls";

/** `together`: all at once, so that the object gathers them into few commits; otherwise one after the other. */
export const innerCallsRequest = v.object({
  kind: v.picklist(["limiterTake", "limiterFlush", "productView", "controlSnapshot", "hold", "writer"]),
  product: v.string(),
  /** Makes the ids of this request its own. */
  run: v.string(),
  /** Calls; of `writer`, events. */
  count: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000)),
  together: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(512)),
});
export type InnerCallsRequest = v.InferOutput<typeof innerCallsRequest>;

export const innerCallsAnswer = v.object({ wallMs: v.number(), failed: v.number() });

type Method = (...args: readonly unknown[]) => Promise<unknown>;
type Stub = Readonly<Record<string, Method>>;
type Namespace = { getByName(name: string): Stub };
export type QueueHandler = (batch: unknown, env: object, context: unknown) => unknown;

/** Objects that a limiter's calls are spread over, as the gateway's own. */
const SHARDS = 32;
/** Objects that write, so that few rests are needed. */
const FLUSHED = 128;
const WINDOW_MS = 60_000;
/** A limiter object writes what it counted within a second (durable-objects/limiter/limiter-object.ts); then it is at rest again. */
const FLUSHED_AFTER_MS = 1200;
const HOLD_MS = 600_000;

export async function makeInnerCalls(request: Request, env: object, queue: QueueHandler): Promise<Response> {
  const asked = v.parse(innerCallsRequest, await request.json());
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the bindings of wrangler.toml
  const bindings = env as Readonly<Record<"LIMITER" | "PRODUCT" | "CONTROL", Namespace>>;
  let failed = 0;
  const began = performance.now();
  for (let done = 0; done < asked.count; done += asked.together) {
    const size = Math.min(asked.together, asked.count - done);
    const indexes = Array.from({ length: size }, (_, index) => done + index);
    if (asked.kind === "writer") failed += await writeTogether(asked, indexes, env, queue);
    else {
      const answers = await Promise.all(indexes.map((index) => callOnce(asked, index, bindings)));
      failed += answers.filter((answer) => !answer).length;
      if (asked.kind === "limiterFlush") await new Promise((resolve) => setTimeout(resolve, FLUSHED_AFTER_MS));
    }
  }
  return Response.json({ wallMs: performance.now() - began, failed });
}

async function callOnce(
  { kind, product, run }: InnerCallsRequest,
  index: number,
  bindings: Readonly<Record<"LIMITER" | "PRODUCT" | "CONTROL", Namespace>>,
): Promise<boolean> {
  const { LIMITER, PRODUCT, CONTROL } = bindings;
  if (kind === "controlSnapshot") return (await CONTROL.getByName("control")["snapshot"]?.(0)) !== undefined;
  if (kind === "productView") return (await PRODUCT.getByName(product)["view"]?.()) !== null;
  if (kind === "limiterTake" || kind === "limiterFlush") {
    const limiter = LIMITER.getByName(`limiter-measured-${index % (kind === "limiterFlush" ? FLUSHED : SHARDS)}`);
    const check = { policy: "measured", algorithm: "sliding-log", key: `${run}-${index}`, limit: 10, burst: 10 };
    const answer = await limiter["take"]?.([{ ...check, windowMs: WINDOW_MS, cost: 1, shadow: false }]);
    return isWith(answer, "taken");
  }
  const jti = crypto.getRandomValues(new Uint8Array(16)).toBase64({ alphabet: "base64url", omitPadding: true });
  const hold = { round: 1, jti, buyerId: `${run}-${index}`, quantity: 1, client: `client-${run}-${index}` };
  const cause = { requestId: crypto.randomUUID(), traceparent: TRACEPARENT };
  const answer = await PRODUCT.getByName(product)["hold"]?.({ ...hold, hoarding: HOARDING, cause });
  return isWith(answer, "ok");
}

/** As wrangler.toml has them: each rule that is on costs the object a query. */
const HOARDING = {
  openHoldsPerBuyer: 0,
  unpaidUnitSecondsPerBuyer: 7200,
  unpaidUnitSecondsPerClient: 86_400,
  lapses: 10,
  cooldownSeconds: 600,
};
const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** Whether an answer that travels as text (src/packed.ts) says so. */
function isWith(packed: unknown, key: string): boolean {
  const answer: unknown = typeof packed === "string" ? JSON.parse(packed) : undefined;
  return typeof answer === "object" && answer !== null && key in answer && answer[key as keyof typeof answer] === true;
}

/** One batch of events as the queue hands it to the writer; the number of its messages that were not acknowledged. */
async function writeTogether(
  { product, run }: InnerCallsRequest,
  indexes: readonly number[],
  env: object,
  queue: QueueHandler,
): Promise<number> {
  const now = Date.now();
  let acknowledged = 0;
  const events = indexes.map((index) => {
    const orderId = `${run}-order-${index}`;
    const order = { orderId, version: 1, buyerId: `${run}-${index}`, quantity: 1, status: "held", paymentId: null };
    const times = { holdExpiresAt: now + HOLD_MS, createdAt: now, at: now };
    const cause = { requestId: crypto.randomUUID(), traceparent: TRACEPARENT };
    const ids = { eventId: `${orderId}.1`, type: "order.held", productId: product, round: 1, seq: index + 2 };
    return JSON.stringify({ ...ids, ...order, ...times, ...cause });
  });
  const packed = packMessages(events);
  const messages = packed.map((body, index) => ({
    id: `${run}-message-${index}`,
    attempts: 1,
    timestamp: new Date(now),
    body,
    ack: () => (acknowledged += 1),
    retry: () => {},
  }));
  await queue({ queue: "sluice-order-events", messages, retryAll: () => {} }, env, undefined);
  return packed.length - acknowledged;
}
