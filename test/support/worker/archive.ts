/** Orders on their way out of their object: until the writer has everything and their time has passed, and their rows afterwards. */
import { vi } from "vitest";
import type { OrderEvent, OrderSnapshot, ProductEvent } from "../../../durable-objects/product/protocol.ts";
import {
  alarmOf,
  holdOne,
  inProduct,
  makeCancel,
  makePay,
  makeProduct,
  outboxOf,
  type QueueRecord,
  RETENTION_MS,
  runAlarm,
  type TestedProduct,
} from "./products.ts";

/** A round that outlives every retention in the tests. */
export const LONG = { closesAt: Date.UTC(2101, 0, 1) };

/** The writer has everything; with a queue, after it was sent everything, for a test that looks at that. */
export async function acknowledgeAll(id: string, product: TestedProduct, queue?: QueueRecord): Promise<void> {
  const pending = (await outboxOf(id)).map(({ eventId }) => eventId);
  await queue?.untilAllSent(id, pending);
  await product.acknowledge(pending);
}

/** Everything is delivered, the retention passes, and the alarm comes as often as it wants to. */
export async function letLeave(id: string, product: TestedProduct, queue?: QueueRecord): Promise<void> {
  await acknowledgeAll(id, product, queue);
  vi.setSystemTime(Date.now() + RETENTION_MS);
  await runAlarm(id);
  for (let step = 0; step < 20 && ((await alarmOf(id)) ?? Infinity) <= Date.now() + 1000; step++) {
    vi.setSystemTime((await alarmOf(id)) ?? 0);
    await runAlarm(id);
    await acknowledgeAll(id, product, queue);
  }
}

/** Orders that have not left yet. */
export async function storedOrders(id: string): Promise<number> {
  return inProduct(id, (_instance, { storage }) =>
    Number(storage.sql.exec("SELECT COUNT(*) AS n FROM orders").one()["n"]),
  );
}

/** The order's row as a writer would have it that was told of these events; null where it was told of none of the order. */
export function rowByEvents(
  orderId: string,
  events: readonly ProductEvent[],
  isWritten: (event: OrderEvent) => boolean = () => true,
): OrderSnapshot | null {
  const ofOrder = events.filter((event): event is OrderEvent => "orderId" in event && event.orderId === orderId);
  const newest = ofOrder.filter(isWritten).toSorted((a, b) => b.version - a.version)[0];
  if (newest === undefined) return null;
  const { productId, round, buyerId, status, quantity, version, paymentId, holdExpiresAt, createdAt, at } = newest;
  const order = { orderId, productId, round, buyerId, status, quantity, version, paymentId, holdExpiresAt };
  return { ...order, createdAt, updatedAt: at };
}

/** A product with an order of each final status in an open round, all of them of other buyers. */
export async function makeScene() {
  const made = await makeProduct(10, LONG);
  const { product } = made;
  const [paid, cancelled, expired] = [await holdOne(product), await holdOne(product), await holdOne(product)];
  await product.pay(makePay(paid.orderId));
  await product.cancel(makeCancel(cancelled.orderId));
  vi.setSystemTime(expired.holdExpiresAt);
  await product.document();
  return { ...made, paid, cancelled, expired };
}
