import { describe, expect, it, vi } from "vitest";
import {
  CAUSE,
  evictProduct,
  holdOne,
  makeCallback,
  makeCancel,
  makePay,
  makeProduct,
  outboxOf,
  recordQueue,
  runAlarm,
  useMovableClock,
} from "../../support/worker/products.ts";

recordQueue();
useMovableClock();

const NO_ORDER = "0".repeat(38);

describe("pay", () => {
  it("turns a hold into a paid order", async () => {
    const { product } = await makeProduct(5);
    const order = await holdOne(product, { quantity: 2 });
    vi.setSystemTime(Date.now() + 1000);
    expect(await product.pay(makePay(order.orderId))).toEqual({
      ok: true,
      value: { ...order, status: "paid", paymentId: "pay-1", updatedAt: Date.now() },
    });
    expect(await product.document()).toMatchObject({ available: 3, held: 0, paid: 2, orders: { held: 0, paid: 1 } });
  });

  it("pays until the last millisecond of the hold as of right", async () => {
    const { product } = await makeProduct(1);
    const order = await holdOne(product);
    vi.setSystemTime(order.holdExpiresAt - 1);
    expect(await product.pay(makePay(order.orderId))).toMatchObject({ value: { status: "paid" } });
  });

  it("answers the same to the same paymentId, and changes nothing", async () => {
    const { id, product } = await makeProduct(5);
    const order = await holdOne(product);
    const first = await product.pay(makePay(order.orderId));
    const events = (await outboxOf(id)).length;
    vi.setSystemTime(Date.now() + 1000);
    expect(await product.pay(makePay(order.orderId))).toEqual(first);
    expect(await outboxOf(id)).toHaveLength(events);
  });

  it("refuses another paymentId for a paid order", async () => {
    const { product } = await makeProduct(5);
    const order = await holdOne(product);
    await product.pay(makePay(order.orderId));
    const refused = { ok: false, refusal: { code: "wrong-state", status: "paid" } };
    expect(await product.pay(makePay(order.orderId, { paymentId: "pay-2" }))).toEqual(refused);
    expect(await product.order(order.orderId)).toMatchObject({ status: "paid", paymentId: "pay-1" });
  });

  it("T1 pays once when two payments come at once", async () => {
    const { product } = await makeProduct(5);
    const order = await holdOne(product);
    const payments = Array.from({ length: 20 }, (_, payment) =>
      makePay(order.orderId, { paymentId: `pay-${payment}` }),
    );
    const answers = await Promise.all(payments.map((payment) => product.pay(payment)));
    expect(answers.filter((answer) => answer.ok)).toHaveLength(1);
    expect(await product.document()).toMatchObject({ available: 4, paid: 1, orders: { paid: 1 } });
  });

  it("is not found for an order that is none, and for a product that is none", async () => {
    const { product } = await makeProduct(5);
    expect(await product.pay(makePay(NO_ORDER))).toEqual({ ok: false, refusal: { code: "not-found" } });
  });
});

describe("pay, too late", () => {
  it("is paid while there is stock", async () => {
    const { product } = await makeProduct(1);
    const order = await holdOne(product);
    vi.setSystemTime(order.holdExpiresAt);
    expect(await product.pay(makePay(order.orderId))).toMatchObject({ value: { status: "paid", paymentId: "pay-1" } });
    expect(await product.document()).toMatchObject({ available: 0, paid: 1, orders: { expired: 0, paid: 1 } });
  });

  it("is refund_due once the unit is another buyer's, and stays it when units come back", async () => {
    const { product } = await makeProduct(1);
    const order = await holdOne(product);
    vi.setSystemTime(order.holdExpiresAt);
    const other = await holdOne(product);
    expect(await product.pay(makePay(order.orderId))).toMatchObject({
      value: { status: "refund_due", paymentId: "pay-1" },
    });
    await product.cancel(makeCancel(other.orderId));
    expect(await product.pay(makePay(order.orderId))).toMatchObject({ value: { status: "refund_due" } });
    const refused = { ok: false, refusal: { code: "wrong-state", status: "refund_due" } };
    expect(await product.pay(makePay(order.orderId, { paymentId: "pay-2" }))).toEqual(refused);
    expect(await product.document()).toMatchObject({ available: 1, paid: 0, orders: { refundDue: 1, cancelled: 1 } });
    expect(await product.check()).toMatchObject({ differences: [] });
  });

  it("T7 is refund_due where it would lift the buyer over the cap", async () => {
    const { product } = await makeProduct(10, { perBuyerLimit: 1 });
    const first = await holdOne(product, { buyerId: "b-1" });
    vi.setSystemTime(first.holdExpiresAt);
    const second = await holdOne(product, { buyerId: "b-1" });
    await product.pay(makePay(second.orderId));
    expect(await product.pay(makePay(first.orderId))).toMatchObject({ value: { status: "refund_due" } });
    expect(await product.document()).toMatchObject({ available: 9, paid: 1 });
  });

  it("is paid for a cancelled order while there is stock", async () => {
    const { product } = await makeProduct(1);
    const order = await holdOne(product);
    await product.cancel(makeCancel(order.orderId));
    expect(await product.pay(makePay(order.orderId))).toMatchObject({ value: { status: "paid" } });
  });

  it("is refund_due after the round was closed", async () => {
    const { product } = await makeProduct(5);
    const order = await holdOne(product);
    await product.act("close", CAUSE);
    expect(await product.pay(makePay(order.orderId))).toMatchObject({ value: { status: "refund_due" } });
    expect(await product.document()).toMatchObject({ available: 0, withdrawn: 5, paid: 0, orders: { refundDue: 1 } });
  });
});

describe("cancel", () => {
  it("gives the units back", async () => {
    const { product } = await makeProduct(2);
    const order = await holdOne(product, { quantity: 2, buyerId: "b-1" });
    vi.setSystemTime(Date.now() + 1000);
    expect(await product.cancel(makeCancel(order.orderId, { buyerId: "b-1" }))).toEqual({
      ok: true,
      value: { ...order, status: "cancelled", updatedAt: Date.now() },
    });
    expect(await product.document()).toMatchObject({ available: 2, held: 0, orders: { held: 0, cancelled: 1 } });
  });

  it("is harmless when it is repeated", async () => {
    const { id, product } = await makeProduct(2);
    const order = await holdOne(product);
    const first = await product.cancel(makeCancel(order.orderId));
    const events = (await outboxOf(id)).length;
    expect(await product.cancel(makeCancel(order.orderId))).toEqual(first);
    expect(await outboxOf(id)).toHaveLength(events);
  });

  it("T18 does not find another buyer's order", async () => {
    const { product } = await makeProduct(2);
    const order = await holdOne(product, { buyerId: "b-1" });
    const notFound = { ok: false, refusal: { code: "not-found" } };
    expect(await product.cancel(makeCancel(order.orderId, { buyerId: "b-2" }))).toEqual(notFound);
    expect(await product.cancel(makeCancel(NO_ORDER, { buyerId: "b-2" }))).toEqual(notFound);
    expect(await product.order(order.orderId)).toMatchObject({ status: "held" });
  });

  it("refuses for a paid order and for one whose money is due back", async () => {
    const { product } = await makeProduct(2);
    const paid = await holdOne(product);
    const late = await holdOne(product);
    await product.pay(makePay(paid.orderId));
    await product.act("close", CAUSE);
    await product.pay(makePay(late.orderId));
    for (const [order, status] of [
      [paid, "paid"],
      [late, "refund_due"],
    ] as const) {
      const refused = { ok: false, refusal: { code: "wrong-state", status } };
      expect(await product.cancel(makeCancel(order.orderId))).toEqual(refused);
    }
  });
});

describe("a callback's id", () => {
  it("T17 gives the same answer again, and one effect", async () => {
    const { id, product } = await makeProduct(2);
    const order = await holdOne(product);
    const payment = makePay(order.orderId);
    const answers = await Promise.all(Array.from({ length: 20 }, () => product.pay(payment)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect((await outboxOf(id)).filter((event) => event.type === "order.paid")).toHaveLength(1);
  });

  it("T17 refuses another message under the same id, and does nothing", async () => {
    const { product } = await makeProduct(2);
    const [first, second] = [await holdOne(product), await holdOne(product)];
    const callback = makeCallback();
    await product.pay(makePay(first.orderId, { callback }));
    const other = { ...callback, digest: "another-digest" };
    expect(await product.pay(makePay(second.orderId, { callback: other }))).toMatchObject({
      refusal: { code: "invalid-request", errors: [{ path: "webhook-id" }] },
    });
    expect(await product.cancel(makeCancel(second.orderId, { callback: other }))).toMatchObject({
      refusal: { code: "invalid-request" },
    });
    expect(await product.order(second.orderId)).toMatchObject({ status: "held" });
  });

  it("T17 gives the same refusal again, though the step would be allowed by now", async () => {
    const { id, product } = await makeProduct(2);
    const order = await holdOne(product);
    await product.pay(makePay(order.orderId));
    const cancellation = makeCancel(order.orderId, { callback: makeCallback() });
    const payment = makePay(order.orderId, { paymentId: "pay-2" });
    const refused = { ok: false, refusal: { code: "wrong-state", status: "paid" } };
    for (const round of ["first", "again", "after a restart"]) {
      if (round === "after a restart") await evictProduct(id);
      expect(await product.cancel(cancellation)).toEqual(refused);
      expect(await product.pay(payment)).toEqual(refused);
    }
  });

  it("T17 does not undo a later step when the earlier one is repeated", async () => {
    const { product } = await makeProduct(2);
    const order = await holdOne(product);
    const cancellation = makeCancel(order.orderId, { callback: makeCallback() });
    await product.cancel(cancellation);
    await product.pay(makePay(order.orderId));
    expect(await product.cancel(cancellation)).toMatchObject({ ok: true, value: { status: "paid" } });
    expect(await product.document()).toMatchObject({ paid: 1, orders: { paid: 1, cancelled: 0 } });
  });

  it("is not used up by an order that is not found", async () => {
    const { product } = await makeProduct(2);
    const callback = makeCallback();
    await product.pay(makePay(NO_ORDER, { callback }));
    const order = await holdOne(product);
    expect(await product.pay(makePay(order.orderId, { callback }))).toMatchObject({ ok: true });
  });

  it("is remembered for a week, and the effect stays single after it", async () => {
    const { id, product } = await makeProduct(2);
    const order = await holdOne(product);
    const payment = makePay(order.orderId);
    await product.pay(payment);
    const digest = { ...payment.callback, digest: "another-digest" };
    const week = 7 * 24 * 3600 * 1000;
    vi.setSystemTime(Date.now() + week - 1);
    await runAlarm(id);
    expect(await product.pay({ ...payment, callback: digest })).toMatchObject({ refusal: { code: "invalid-request" } });
    vi.setSystemTime(Date.now() + 1);
    await runAlarm(id);
    expect(await product.pay({ ...payment, callback: digest })).toMatchObject({ ok: true, value: { status: "paid" } });
    expect(await product.document()).toMatchObject({ paid: 1 });
  });
});
