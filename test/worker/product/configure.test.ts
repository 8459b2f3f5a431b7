/** How a product and its rounds come about: the first, a changed one, the next, with stock of the origin's own. */
import { describe, expect, it, vi } from "vitest";
import type { ConfigureCommand, ProductAnswer } from "../../../durable-objects/product/protocol.ts";
import { acknowledgeAll } from "../../support/worker/archive.ts";
import {
  CAUSE,
  holdOne,
  makeConfigure,
  makeHold,
  makePay,
  makeProduct,
  makeProductId,
  makeRules,
  opensIn,
  outboxOf,
  productStub,
  recordQueue,
  useMovableClock,
} from "../../support/worker/products.ts";

recordQueue();
useMovableClock();

function refusalOf(answer: ProductAnswer): unknown {
  if (answer.ok) throw new Error("It was not refused");
  return answer.refusal;
}

function fromOrigin(id: string, round: number, stock: number, rules = opensIn(3_600_000)): ConfigureCommand {
  return makeConfigure(id, { rules, stock, originRound: round });
}

describe("configure", () => {
  it("makes a product", async () => {
    const id = makeProductId();
    const product = productStub(id);
    expect([await product.view(), await product.document(), await product.check()]).toEqual([null, null, null]);
    expect(await product.audit(10)).toEqual([]);
    const rules = makeRules();
    const document = {
      id,
      round: 1,
      state: "open",
      ...rules,
      paused: false,
      stockSource: "operator",
      version: 1,
      allocated: 7,
      available: 7,
      held: 0,
      paid: 0,
      withdrawn: 0,
      orders: { held: 0, paid: 0, cancelled: 0, expired: 0, refundDue: 0 },
      outbox: { pending: 1, oldestAt: Date.now() },
    };
    expect(await product.configure(makeConfigure(id, { rules, stock: 7 }))).toEqual({ ok: true, value: document });
    expect(await product.document()).toEqual(document);
  });

  it("gives each round a gate of 128 random bits, which a change of its rules keeps", async () => {
    const { id, product } = await makeProduct(5, opensIn(3_600_000));
    const gate = (await product.view())?.gate;
    expect(gate).toMatch(/^[A-Za-z0-9_-]{22}$/);
    await product.configure(makeConfigure(id, { rules: opensIn(1_800_000) }));
    expect((await product.view())?.gate).toBe(gate);
    await product.act("close", CAUSE);
    await product.configure(makeConfigure(id, { rules: opensIn(1_800_000) }));
    expect((await product.view())?.gate).not.toBe(gate);
  });

  it("changes a round that is to come, whole, and its version counts up", async () => {
    const { id, product } = await makeProduct(5, opensIn(3_600_000));
    const rules = makeRules({
      title: "Another",
      price: 1,
      perBuyerLimit: 9,
      holdSeconds: 9,
      opensAt: Date.now() + 900_000,
    });
    const answer = await product.configure(makeConfigure(id, { rules, stock: 3 }));
    expect(answer).toMatchObject({ ok: true, value: { ...rules, round: 1, version: 2, allocated: 3, available: 3 } });
  });

  it("is refused from five minutes before the round opens until it closes", async () => {
    const { id, product, document } = await makeProduct(5, opensIn(600_000));
    const change = () => product.configure(makeConfigure(id, { rules: opensIn(600_000) }));
    for (const [at, status] of [
      [document.opensAt - 300_000, "upcoming"],
      [document.opensAt - 1, "upcoming"],
      [document.opensAt, "open"],
      [document.closesAt - 1, "open"],
    ] as const) {
      vi.setSystemTime(at);
      expect(refusalOf(await change())).toMatchObject({ code: "wrong-state", status });
      expect(await product.plan(300)).toMatchObject({ ok: false, refusal: { code: "wrong-state", status } });
      expect(await product.document()).toMatchObject({ opensAt: document.opensAt, version: 1 });
    }
    vi.setSystemTime(document.closesAt);
    expect(await product.plan(300)).toMatchObject({ ok: true, value: { round: 2 } });
    expect(await change()).toMatchObject({ ok: true, value: { round: 2 } });
  });

  it("is refused while a hold of the round that is over still runs", async () => {
    const { id, product, document } = await makeProduct(5);
    vi.setSystemTime(document.closesAt - 1);
    const order = await holdOne(product);
    vi.setSystemTime(order.holdExpiresAt - 1);
    expect(refusalOf(await product.configure(makeConfigure(id)))).toMatchObject({
      code: "wrong-state",
      status: "closed",
    });
    expect(await product.plan(300)).toMatchObject({ ok: false });
    vi.setSystemTime(order.holdExpiresAt);
    expect(await product.configure(makeConfigure(id))).toMatchObject({ ok: true, value: { round: 2 } });
  });

  it("takes no stock of the origin into a round whose stock the operator gave", async () => {
    const opensAt = Date.now() + 3_600_000;
    const { id, product } = await makeProduct(4, { opensAt, closesAt: opensAt + 3_600_000 });
    expect(await product.plan(300)).toMatchObject({ ok: false, refusal: { code: "wrong-state", status: "upcoming" } });
    const claim = makeConfigure(id, { originRound: 1, stock: 9 });
    expect(refusalOf(await product.configure(claim))).toMatchObject({ code: "wrong-state" });
    expect(await product.document()).toMatchObject({ stockSource: "operator", allocated: 4 });
  });

  it("F10 keeps the orders and the stock book when the clock goes back to before the round opened", async () => {
    const opensAt = Date.now() + 3_600_000;
    const { id, product } = await makeProduct(2, { opensAt, closesAt: opensAt + 3_600_000 });
    vi.setSystemTime(opensAt);
    await product.pay(makePay((await holdOne(product)).orderId));
    vi.setSystemTime(opensAt - 3_600_000);
    expect(refusalOf(await product.configure(makeConfigure(id)))).toMatchObject({ code: "wrong-state" });
    expect(await product.check()).toMatchObject({ allocated: 2, available: 1, paid: 1, differences: [] });
  });

  it("begins rounds in order, with a stock book of their own", async () => {
    const { id, product } = await makeProduct(6);
    await product.pay(makePay((await holdOne(product)).orderId));
    await holdOne(product);
    for (const round of [2, 3]) {
      await product.act("close", CAUSE);
      expect(await product.plan(300)).toMatchObject({ ok: true, value: { round } });
      const answer = await product.configure(makeConfigure(id, { stock: 4 }));
      expect(answer).toMatchObject({
        value: { round, allocated: 4, available: 4, held: 0, paid: 0, withdrawn: 0, orders: { paid: 0 } },
      });
    }
  });

  it("leaves old orders where they are: found, payable, in their own round's book", async () => {
    const { id, product } = await makeProduct(3);
    const command = makeHold();
    const held = await holdOne(product, command);
    const paid = await holdOne(product);
    await product.pay(makePay(paid.orderId));
    await product.act("close", CAUSE);
    await product.configure(makeConfigure(id, { stock: 9 }));
    expect(await product.hold(makeHold({ round: 1 }))).toMatchObject({ refusal: { code: "round-closed" } });
    expect(await product.hold(command)).toMatchObject({
      value: { replayed: true, order: { round: 1, status: "cancelled" } },
    });
    expect(await product.order(paid.orderId)).toMatchObject({ round: 1, status: "paid" });
    expect(await product.pay(makePay(held.orderId))).toMatchObject({ value: { round: 1, status: "refund_due" } });
    expect(await product.document()).toMatchObject({ round: 2, available: 9, paid: 0, orders: { refundDue: 0 } });
    expect(await product.check()).toMatchObject({ round: 2, differences: [] });
  });

  it("counts the cap anew in each round", async () => {
    const { id, product } = await makeProduct(3, { perBuyerLimit: 1 });
    await product.pay(makePay((await holdOne(product, { buyerId: "b-1" })).orderId));
    await product.act("close", CAUSE);
    await product.configure(makeConfigure(id, { rules: makeRules({ perBuyerLimit: 1 }) }));
    expect(await product.hold(makeHold({ buyerId: "b-1", round: 2 }))).toMatchObject({ ok: true });
    expect(await product.hold(makeHold({ buyerId: "b-1", round: 2 }))).toMatchObject({
      refusal: { code: "buyer-limit" },
    });
  });

  it("makes one product of two that are set at once", async () => {
    const id = makeProductId();
    const product = productStub(id);
    const answers = await Promise.all([product.configure(makeConfigure(id)), product.configure(makeConfigure(id))]);
    expect(answers.map((answer) => answer.ok)).toEqual([true, false]);
    expect(await product.document()).toMatchObject({ round: 1, version: 1, outbox: { pending: 1 } });
  });

  it("T1 holds in the same batch in which the product was made", async () => {
    const id = makeProductId();
    const product = productStub(id);
    const [made, held] = await Promise.all([product.configure(makeConfigure(id)), product.hold(makeHold())]);
    expect([made.ok, held.ok]).toEqual([true, true]);
    expect(await product.check()).toMatchObject({ available: 9, held: 1, differences: [] });
  });
});

describe("plan", () => {
  it("tells how many events of the product are still on their way, whichever round they are of", async () => {
    const { id, product } = await makeProduct(5);
    await product.act("close", CAUSE);
    expect(await product.plan(300)).toEqual({ ok: true, value: { round: 2, pending: 2 } });
    await acknowledgeAll(id, product);
    expect(await product.plan(300)).toEqual({ ok: true, value: { round: 2, pending: 0 } });
  });

  it("is round 1 where no product is", async () => {
    const plan = await productStub(makeProductId()).plan(300);
    expect(plan).toEqual({ ok: true, value: { round: 1, pending: 0 } });
  });
});

describe("stock from the origin", () => {
  it("is refused when another round was set since it was taken", async () => {
    const { id, product } = await makeProduct(5, opensIn(3_600_000));
    expect(refusalOf(await product.configure(fromOrigin(id, 2, 8)))).toMatchObject({ code: "wrong-state" });
    expect(await product.document()).toMatchObject({ stockSource: "operator", allocated: 5 });
  });

  it("tells what goes back: withdrawn, replaced by a number, left at the close; every unit once", async () => {
    const id = makeProductId();
    const product = productStub(id);
    await product.configure(fromOrigin(id, 1, 10));
    await product.changeStock(-3, CAUSE);
    await product.configure(makeConfigure(id, { rules: opensIn(3_600_000), stock: 4 }));
    const returned = (await outboxOf(id)).map((event) => ("returned" in event ? [event.type, event.returned] : []));
    expect(returned).toEqual([
      ["stock.allocated", 0],
      ["stock.changed", 3],
      ["stock.allocated", 7],
    ]);
  });

  it("goes back at the close, but for what is sold", async () => {
    const id = makeProductId();
    const product = productStub(id);
    await product.configure(fromOrigin(id, 1, 10, makeRules()));
    await product.pay(makePay((await holdOne(product, { quantity: 2 })).orderId));
    await holdOne(product);
    await product.act("close", CAUSE);
    expect((await outboxOf(id)).at(-1)).toMatchObject({
      type: "stock.closed",
      allocated: 10,
      withdrawn: 8,
      returned: 8,
    });
  });
});
