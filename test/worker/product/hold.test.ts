import { describe, expect, it, vi } from "vitest";
import type { HoldAnswer } from "../../../durable-objects/product/protocol.ts";
import { ORDER_ID_PATTERN } from "../../../durable-objects/product/order-id.ts";
import {
  CAUSE,
  dump,
  holdOne,
  makeConfigure,
  makeCancel,
  makeHold,
  makePay,
  makeProduct,
  makeProductId,
  productStub,
  inProduct,
  recordQueue,
  useMovableClock,
} from "../../support/worker/products.ts";

recordQueue();
useMovableClock();

function codes(answers: readonly HoldAnswer[]): readonly string[] {
  return answers.map((answer) => (answer.ok ? "held" : answer.refusal.code));
}

describe("hold", () => {
  it("T1 sells exactly the stock to many at once", async () => {
    const { product } = await makeProduct(100);
    const answers = await Promise.all(Array.from({ length: 2000 }, () => product.hold(makeHold())));
    expect(answers.filter((answer) => answer.ok)).toHaveLength(100);
    expect(new Set(codes(answers))).toEqual(new Set(["held", "held-out"]));
    expect(await product.document()).toMatchObject({ allocated: 100, available: 0, held: 100, paid: 0, withdrawn: 0 });
    expect(await product.check()).toMatchObject({ differences: [] });
  });

  it("T2 makes one order of one token, however often it comes", async () => {
    const { product } = await makeProduct(10);
    const command = makeHold();
    const answers = await Promise.all(Array.from({ length: 500 }, () => product.hold(command)));
    const orders = answers.map((answer) => (answer.ok ? answer.value : null));
    expect(new Set(orders.map((held) => held?.order.orderId)).size).toBe(1);
    expect(orders.filter((held) => held?.replayed === false)).toHaveLength(1);
    expect(await product.document()).toMatchObject({ held: 1, orders: { held: 1 } });
  });

  it("answers with the order as it is stored", async () => {
    const { id, product } = await makeProduct(10);
    const now = Date.now();
    const order = await holdOne(product, { buyerId: "b-1", quantity: 2 });
    expect(order).toEqual({
      orderId: expect.stringMatching(ORDER_ID_PATTERN),
      productId: id,
      round: 1,
      buyerId: "b-1",
      status: "held",
      quantity: 2,
      paymentId: null,
      holdExpiresAt: now + 60_000,
      createdAt: now,
      updatedAt: now,
      delivered: false,
    });
    expect(await product.order(order.orderId)).toEqual(order);
  });

  it("is not found where no product was ever set, and stores nothing there", async () => {
    const id = makeProductId();
    expect(await productStub(id).hold(makeHold())).toEqual({ ok: false, refusal: { code: "not-found" } });
    expect(await inProduct(id, (_instance, { storage }) => dump(storage.sql))).toEqual({});
  });

  it.each([0, -1, 1.5, Number.NaN])("F3 of %d units is a fault that changes nothing", async (quantity) => {
    const { id, product } = await makeProduct(10);
    const fault = await inProduct(id, (instance) =>
      instance.hold(makeHold({ quantity })).then(
        () => "no fault",
        () => "fault",
      ),
    );
    expect(fault).toBe("fault");
    expect(await product.document()).toMatchObject({
      available: 10,
      held: 0,
      orders: { held: 0 },
      outbox: { pending: 1 },
    });
  });
});

describe("the buyer's cap", () => {
  it("T7 holds for all of a buyer's tokens together, also within one batch", async () => {
    const { product } = await makeProduct(100, { perBuyerLimit: 2 });
    const answers = await Promise.all(Array.from({ length: 50 }, () => product.hold(makeHold({ buyerId: "b-1" }))));
    expect(codes(answers).filter((code) => code === "held")).toHaveLength(2);
    expect(new Set(codes(answers))).toEqual(new Set(["held", "buyer-limit"]));
    expect(await product.document()).toMatchObject({ held: 2 });
  });

  it("counts units, not orders, and what is paid as what is held", async () => {
    const { product } = await makeProduct(100, { perBuyerLimit: 3 });
    const first = await holdOne(product, { buyerId: "b-1", quantity: 2 });
    await product.pay(makePay(first.orderId));
    const hold = (quantity: number) => product.hold(makeHold({ buyerId: "b-1", quantity }));
    expect(codes([await hold(2), await hold(1), await hold(1)])).toEqual(["buyer-limit", "held", "buyer-limit"]);
  });

  it("gives room again for what is cancelled", async () => {
    const { product } = await makeProduct(100, { perBuyerLimit: 1 });
    const first = await holdOne(product, { buyerId: "b-1" });
    await product.cancel(makeCancel(first.orderId, { buyerId: "b-1" }));
    expect(codes([await product.hold(makeHold({ buyerId: "b-1" }))])).toEqual(["held"]);
  });
});

describe("too many at once", () => {
  it("F8 are told to come again, and nothing is done for them", async () => {
    const { id, product } = await makeProduct(1);
    // One is committed at once and 10,000 may wait. All are of one token: only the waiting is looked at here.
    const command = makeHold();
    const answers = await inProduct(id, (instance) =>
      Promise.all(Array.from({ length: 10_003 }, () => instance.hold(command))),
    );
    const overloaded = { ok: false, refusal: { code: "overloaded", retryAfterSeconds: 1 } };
    expect(answers.slice(-2)).toEqual([overloaded, overloaded]);
    expect(answers.slice(0, -2).every((answer) => answer.ok)).toBe(true);
    expect(await product.document()).toMatchObject({ held: 1 });
    expect(await product.hold(command)).toMatchObject({ ok: true, value: { replayed: true } });
  });
});

describe("shortage", () => {
  it("holds several units all or nothing", async () => {
    const { product } = await makeProduct(3, { perBuyerLimit: 2 });
    await holdOne(product, { quantity: 2 });
    expect(await product.hold(makeHold({ quantity: 2 }))).toMatchObject({ refusal: { code: "held-out" } });
    expect(await product.document()).toMatchObject({ available: 1, held: 2 });
    expect(codes([await product.hold(makeHold({ quantity: 1 }))])).toEqual(["held"]);
  });

  it("is held-out while a hold could make it enough, with the first hold's end", async () => {
    const { product } = await makeProduct(2, { holdSeconds: 60 });
    const now = Date.now();
    await holdOne(product);
    vi.setSystemTime(now + 10_500);
    await holdOne(product);
    expect(await product.hold(makeHold())).toEqual({
      ok: false,
      refusal: { code: "held-out", nextReleaseAt: now + 60_000, retryAfterSeconds: 50 },
    });
  });

  it("promises a Retry-After after which the unit is really there", async () => {
    const { product } = await makeProduct(1, { holdSeconds: 60 });
    await holdOne(product);
    vi.setSystemTime(Date.now() + 12_345);
    const refused = await product.hold(makeHold());
    if (refused.ok || refused.refusal.code !== "held-out") throw new Error("It was not held out");
    vi.setSystemTime(Date.now() + refused.refusal.retryAfterSeconds * 1000);
    expect(codes([await product.hold(makeHold())])).toEqual(["held"]);
  });

  it("is sold-out once everything is paid, with what is left", async () => {
    const { product } = await makeProduct(3, { perBuyerLimit: 2 });
    const order = await holdOne(product, { quantity: 2 });
    await product.pay(makePay(order.orderId));
    const refused = { ok: false, refusal: { code: "sold-out", available: 1 } };
    expect(await product.hold(makeHold({ quantity: 2 }))).toEqual(refused);
    const last = await holdOne(product);
    await product.pay(makePay(last.orderId));
    expect(await product.hold(makeHold())).toEqual({ ok: false, refusal: { code: "sold-out", available: 0 } });
  });

  it("is sold-out where nothing was ever allocated", async () => {
    const { product } = await makeProduct(0);
    expect(await product.hold(makeHold())).toEqual({ ok: false, refusal: { code: "sold-out", available: 0 } });
  });
});

describe("the round's time", () => {
  it("T10 opens at the very millisecond, and not before", async () => {
    const opensAt = Date.now() + 600_000;
    const { product } = await makeProduct(1, { opensAt });
    vi.setSystemTime(opensAt - 1);
    const refusal = { code: "too-early", opensAt, retryAfterSeconds: 1 };
    expect(await product.hold(makeHold())).toEqual({ ok: false, refusal });
    expect(await product.document()).toMatchObject({ state: "upcoming" });
    vi.setSystemTime(opensAt);
    expect(codes([await product.hold(makeHold())])).toEqual(["held"]);
  });

  it("closes at the very millisecond", async () => {
    const { product, document } = await makeProduct(5);
    vi.setSystemTime(document.closesAt - 1);
    expect(codes([await product.hold(makeHold())])).toEqual(["held"]);
    vi.setSystemTime(document.closesAt);
    expect(await product.hold(makeHold())).toEqual({ ok: false, refusal: { code: "round-closed" } });
  });

  it("is refused while paused", async () => {
    const { product } = await makeProduct(5);
    await product.act("pause", CAUSE);
    expect(await product.hold(makeHold())).toEqual({ ok: false, refusal: { code: "paused", retryAfterSeconds: 5 } });
    await product.act("resume", CAUSE);
    expect(codes([await product.hold(makeHold())])).toEqual(["held"]);
  });

  it("T5 takes a token of this round only", async () => {
    const { product } = await makeProduct(5);
    expect(await product.hold(makeHold({ round: 0 }))).toMatchObject({ refusal: { code: "round-closed" } });
    expect(await product.hold(makeHold({ round: 2 }))).toMatchObject({ refusal: { code: "token-invalid" } });
  });
});

describe("replay", () => {
  it("F2 finds the order in every later state of order and round", async () => {
    const { id, product, document } = await makeProduct(1, { perBuyerLimit: 1 });
    const command = makeHold();
    const { orderId } = await holdOne(product, command);
    const replay = async () => {
      const answer = await product.hold(command);
      if (!answer.ok) throw new Error(answer.refusal.code);
      const { order, replayed } = answer.value;
      expect({ replayed, orderId: order.orderId }).toEqual({ replayed: true, orderId });
      return order.status;
    };
    expect(await replay()).toBe("held");
    await product.act("pause", CAUSE);
    expect(await replay()).toBe("held");
    await product.act("resume", CAUSE);
    vi.setSystemTime(Date.now() + 60_000);
    expect(await replay()).toBe("expired");
    await product.pay(makePay(orderId));
    expect(await replay()).toBe("paid");
    vi.setSystemTime(document.closesAt);
    expect(await replay()).toBe("paid");
    const rules = { ...document, opensAt: document.closesAt, closesAt: document.closesAt + 1000 };
    await product.configure(makeConfigure(id, { rules, stock: 5 }));
    expect(await replay()).toBe("paid");
    expect(await product.document()).toMatchObject({ round: 2, held: 0 });
  });

  it("finds a cancelled order, and one that a close cancelled", async () => {
    const { product } = await makeProduct(2);
    const [first, second] = [makeHold(), makeHold()];
    const cancelled = await holdOne(product, first);
    await holdOne(product, second);
    await product.cancel(makeCancel(cancelled.orderId));
    await product.act("close", CAUSE);
    for (const command of [first, second]) {
      expect(await product.hold(command)).toMatchObject({ value: { replayed: true, order: { status: "cancelled" } } });
    }
  });

  it("refuses another quantity, or another buyer, under the same token, and changes nothing", async () => {
    const { product } = await makeProduct(5);
    const command = makeHold();
    await product.hold(command);
    expect(await product.hold({ ...command, quantity: 2 })).toEqual({ ok: false, refusal: { code: "token-mismatch" } });
    expect(await product.hold({ ...command, buyerId: "b-2" })).toEqual({
      ok: false,
      refusal: { code: "token-invalid" },
    });
    expect(await product.document()).toMatchObject({ held: 1, orders: { held: 1 } });
  });

  it("F2 lets a refused token be used later: nothing was spent", async () => {
    const { product } = await makeProduct(1);
    const other = await holdOne(product);
    const command = makeHold();
    expect(codes([await product.hold(command)])).toEqual(["held-out"]);
    await product.cancel(makeCancel(other.orderId));
    expect(await product.hold(command)).toMatchObject({ ok: true, value: { replayed: false } });
  });
});
