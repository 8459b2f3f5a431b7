/** What becomes of an order: payment, cancellation, and callbacks that come again. */
import * as fc from "fast-check";
import type { CallbackId, OrderAnswer } from "../../durable-objects/product/protocol.ts";
import { makeCallback, makeCancel, makePay } from "../support/worker/products.ts";
import { assertEqual, assertMatch, callAbout, command, type OrderCall, pick } from "./command.ts";
import type { ModelOrder } from "./product-model.ts";

const some = fc.nat({ max: 1000 });

function expectOrder(answer: OrderAnswer, order: ModelOrder, refusedStatus: string | null): void {
  if (refusedStatus !== null) {
    assertEqual(answer, { ok: false, refusal: { code: "wrong-state", status: refusedStatus } });
  } else {
    const { orderId, status, paymentId } = order;
    assertMatch(answer, { ok: true, value: { orderId, status, paymentId } });
  }
}

export const pay = fc.tuple(some, fc.constantFrom("pay-1", "pay-1", "pay-2")).map(([index, paymentId]) =>
  command(
    `pay(${index}, ${paymentId})`,
    async (model, real) => {
      const order = pick(model, index);
      const payment = makePay(order.orderId, { paymentId });
      const send: OrderCall = (snapshot) => real.product.pay({ ...payment, snapshot });
      const refusedStatus = model.pay(order, paymentId);
      expectOrder(await callAbout(model, real, order, send), order, refusedStatus);
      real.callbacks.push({ orderId: order.orderId, send, refusedStatus });
    },
    true,
  ),
);

export const cancel = fc.tuple(some, fc.constantFrom("buyer", "origin", "another")).map(([index, who]) =>
  command(
    `cancel(${index}, ${who})`,
    async (model, real) => {
      const order = pick(model, index);
      if (who === "another") {
        const foreign = makeCancel(order.orderId, { buyerId: "b-other" });
        const answer = await callAbout(model, real, order, (snapshot) => real.product.cancel({ ...foreign, snapshot }));
        assertEqual(answer, { ok: false, refusal: { code: "not-found" } });
        return;
      }
      const refusedStatus = model.cancel(order);
      const callback: CallbackId | null = who === "origin" ? makeCallback() : null;
      const buyerId = who === "buyer" ? order.buyerId : null;
      const cancellation = makeCancel(order.orderId, { buyerId, callback });
      const send: OrderCall = (snapshot) => real.product.cancel({ ...cancellation, snapshot });
      expectOrder(await callAbout(model, real, order, send), order, refusedStatus);
      if (callback !== null) real.callbacks.push({ orderId: order.orderId, send, refusedStatus });
    },
    true,
  ),
);

export const repeatCallback = some.map((index) =>
  command(`repeatCallback(${index})`, async (model, real) => {
    const callback = real.callbacks[index % Math.max(1, real.callbacks.length)];
    const order = model.orders.find(({ orderId }) => orderId === callback?.orderId);
    if (callback !== undefined && order !== undefined)
      expectOrder(await callAbout(model, real, order, callback.send), order, callback.refusedStatus);
  }),
);
