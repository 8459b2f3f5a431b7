/** Orders that have left the object: what still comes for them is answered by their rows, and only by true ones. */
import { describe, expect, it, vi } from "vitest";
import type { OrderSnapshot } from "../../../durable-objects/product/protocol.ts";
import { letLeave, makeScene, rowByEvents, storedOrders } from "../../support/worker/archive.ts";
import {
  CAUSE,
  dump,
  evictProduct,
  holdOne,
  inProduct,
  makeCallback,
  makeCancel,
  makeConfigure,
  makeHold,
  makePay,
  outboxOf,
  recordQueue,
  type TestedProduct,
  useMovableClock,
} from "../../support/worker/products.ts";

const queue = recordQueue();
useMovableClock();

/** The order's row as the writer would have it. */
function rowOf(id: string, orderId: string): OrderSnapshot {
  const row = rowByEvents(orderId, queue.sentFor(id));
  if (row === null) throw new Error(`Nothing was sent of ${orderId}`);
  return row;
}

describe("an order that has left", () => {
  it("is paid by a late payment while there is stock, comes back, and leaves again", async () => {
    const { id, product, expired } = await makeScene();
    await letLeave(id, product, queue);
    const pay = makePay(expired.orderId);
    expect(await product.pay(pay)).toEqual({ ok: false, refusal: { code: "archived" } });
    const before = await product.document();
    const snapshot = rowOf(id, expired.orderId);
    const paid = await product.pay({ ...pay, snapshot });
    expect(paid).toMatchObject({
      value: { ...expired, status: "paid", paymentId: "pay-1", delivered: false, updatedAt: Date.now() },
    });
    expect(await product.document()).toMatchObject({
      available: (before?.available ?? 0) - 1,
      paid: (before?.paid ?? 0) + 1,
      orders: { paid: 2, expired: 0 },
    });
    expect(await outboxOf(id)).toMatchObject([{ eventId: `${expired.orderId}.3`, type: "order.paid" }]);
    expect(await product.check()).toMatchObject({ differences: [] });
    // The row is the object's own again: what anybody says of it from elsewhere is not looked at.
    expect(await product.pay({ ...pay, snapshot })).toEqual(paid);
    expect(await product.pay(makePay(expired.orderId))).toEqual(paid);
    expect(await product.pay(makePay(expired.orderId, { paymentId: "pay-2" }))).toMatchObject({
      refusal: { code: "wrong-state" },
    });
    await product.act("close", CAUSE);
    await letLeave(id, product, queue);
    const repeated = await product.pay({ ...pay, snapshot: rowOf(id, expired.orderId) });
    expect(repeated).toMatchObject({ value: { status: "paid", delivered: true } });
    expect(await storedOrders(id)).toBe(0);
    expect(await product.check()).toMatchObject({ differences: [] });
  });

  it.each<[string, (product: TestedProduct, buyerId: string) => Promise<unknown>]>([
    ["there is no stock", (product) => product.changeStock(-9, CAUSE)],
    ["the buyer's cap is reached", (product, buyerId) => product.hold(makeHold({ buyerId, quantity: 2 }))],
    ["the round is closed", (product) => product.act("close", CAUSE)],
  ])("T1 T7 gets a refund where %s", async (_name, meanwhile) => {
    const { id, product, expired } = await makeScene();
    await letLeave(id, product, queue);
    await meanwhile(product, expired.buyerId);
    const pay = makePay(expired.orderId, { snapshot: rowOf(id, expired.orderId) });
    expect(await product.pay(pay)).toMatchObject({ value: { status: "refund_due", paymentId: "pay-1" } });
    expect(await product.pay(pay)).toMatchObject({ value: { status: "refund_due" } });
    expect(await product.check()).toMatchObject({ differences: [] });
    await letLeave(id, product, queue);
    const again = makePay(expired.orderId, { snapshot: rowOf(id, expired.orderId) });
    expect(await product.pay(again)).toMatchObject({ value: { status: "refund_due" } });
    const other = makePay(expired.orderId, { snapshot: rowOf(id, expired.orderId), paymentId: "pay-2" });
    expect(await product.pay(other)).toMatchObject({ refusal: { code: "wrong-state", status: "refund_due" } });
  });

  it("T18 is cancelled by its buyer, with no effect, and by nobody else", async () => {
    const { id, product, cancelled } = await makeScene();
    await letLeave(id, product, queue);
    const { orderId, buyerId } = cancelled;
    const snapshot = rowOf(id, orderId);
    expect(await product.cancel(makeCancel(orderId, { buyerId, snapshot }))).toMatchObject({
      value: { status: "cancelled", delivered: true },
    });
    const foreign = await product.cancel(makeCancel(orderId, { buyerId: "b-other", snapshot }));
    expect(foreign).toEqual({ ok: false, refusal: { code: "not-found" } });
    expect(await storedOrders(id)).toBe(1);
  });

  it("T17 answers a callback that was answered before as it did then", async () => {
    const { id, product, paid } = await makeScene();
    const callback = makeCallback();
    const cancel = makeCancel(paid.orderId, { callback });
    const refused = { ok: false, refusal: { code: "wrong-state", status: "paid" } };
    expect(await product.cancel(cancel)).toEqual(refused);
    await product.act("close", CAUSE);
    await letLeave(id, product, queue);
    const snapshot = rowOf(id, paid.orderId);
    expect(await product.cancel({ ...cancel, snapshot })).toEqual(refused);
    const otherMessage = { ...cancel, snapshot, callback: { ...callback, digest: "another" } };
    expect(await product.cancel(otherMessage)).toMatchObject({ refusal: { code: "invalid-request" } });
  });

  it.each<[string, Partial<OrderSnapshot>]>([
    ["of another product", { productId: "another" }],
    ["of another order", { orderId: "00".padEnd(38, "7") }],
    ["that is held", { status: "held" }],
    ["that has seen no change", { version: 1 }],
    ["of a round that has not begun", { round: 2 }],
    ["of a status in which none left", { status: "refund_due" }],
    ["of more units than left", { quantity: 2 }],
  ])("T1 is not believed by a row %s", async (_name, change) => {
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { id, product, expired } = await makeScene();
    await letLeave(id, product, queue);
    const before = await inProduct(id, (_instance, { storage }) => dump(storage.sql));
    const snapshot = { ...rowOf(id, expired.orderId), ...change };
    const answer = await product.pay(makePay(expired.orderId, { snapshot }));
    expect(answer).toEqual({ ok: false, refusal: { code: "not-found" } });
    expect(await inProduct(id, (_instance, { storage }) => dump(storage.sql))).toEqual(before);
    expect(error.mock.calls.filter(([line]) => String(line).includes("archived-order-differs"))).toHaveLength(1);
    error.mockRestore();
  });

  it("T20 is not asked for by ids that were never made while it was sold", async () => {
    const { id, product, expired } = await makeScene();
    await letLeave(id, product, queue);
    const late = await holdOne(product);
    expect(await product.order(`${late.orderId.slice(0, 12)}${"0".repeat(26)}`)).toBeNull();
    expect(await product.order(`00${"0".repeat(36)}`)).toBeNull();
    expect(await product.order(`${expired.orderId.slice(0, 12)}${"0".repeat(26)}`)).toBe("archived");
  });

  it("gets a refund in a round that was forgotten", async () => {
    const { id, product, expired } = await makeScene();
    await product.act("close", CAUSE);
    await letLeave(id, product, queue);
    await product.configure(makeConfigure(id));
    // A thousand rounds later.
    await inProduct(id, (_instance, { storage }) => {
      storage.sql.exec("UPDATE rounds SET round = 1500 WHERE round = 2");
      storage.sql.exec("UPDATE product SET round = 1500");
    });
    await evictProduct(id);
    // Something leaves, and the rounds are looked through.
    await product.cancel(makeCancel((await holdOne(product, { round: 1500 })).orderId));
    await letLeave(id, product, queue);
    const rounds = () =>
      inProduct(id, (_instance, { storage }) => storage.sql.exec("SELECT round FROM rounds").toArray());
    expect(await rounds()).toEqual([{ round: 1500 }]);
    const pay = makePay(expired.orderId, { snapshot: rowOf(id, expired.orderId) });
    expect(await product.pay(pay)).toMatchObject({ value: { status: "refund_due", round: 1 } });
    expect((await outboxOf(id)).at(-1)).toMatchObject({ type: "order.refund_due", round: 1, version: 3 });
    await letLeave(id, product, queue);
    expect(await storedOrders(id)).toBe(0);
  });
});
