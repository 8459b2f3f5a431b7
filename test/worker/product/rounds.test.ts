/** What an operator does to the present round: close, pause, resume, add and withdraw; and the audit list of it. */
import { describe, expect, it, vi } from "vitest";
import type { Cause, ProductAnswer } from "../../../durable-objects/product/protocol.ts";
import {
  CAUSE,
  holdOne,
  makeCancel,
  makeConfigure,
  makeHold,
  makePay,
  makeProduct,
  makeProductId,
  opensIn,
  outboxOf,
  productStub,
  recordQueue,
  useMovableClock,
  type TestedProduct,
} from "../../support/worker/products.ts";

recordQueue();
useMovableClock();

function refusalOf(answer: ProductAnswer): unknown {
  if (answer.ok) throw new Error("It was not refused");
  return answer.refusal;
}

/** A cause that can be told from others. */
function cause(requestId: string): Cause {
  return { ...CAUSE, requestId };
}

/** A product with a hold, a paid, a cancelled and an expired order of one unit each, and four units left. */
async function makeBusy(): Promise<{ readonly id: string; readonly product: TestedProduct }> {
  const { id, product } = await makeProduct(6);
  const expired = await holdOne(product);
  vi.setSystemTime(expired.holdExpiresAt);
  const paid = await holdOne(product);
  await product.pay(makePay(paid.orderId));
  const cancelled = await holdOne(product);
  await product.cancel(makeCancel(cancelled.orderId));
  await holdOne(product);
  return { id, product };
}

describe("close", () => {
  it("releases the holds, withdraws what is left, and the book balances", async () => {
    const { id, product } = await makeBusy();
    const before = (await outboxOf(id)).length;
    const answer = await product.act("close", CAUSE);
    expect(answer).toMatchObject({
      value: {
        state: "closed",
        allocated: 6,
        available: 0,
        held: 0,
        paid: 1,
        withdrawn: 5,
        orders: { held: 0, paid: 1, cancelled: 2, expired: 1, refundDue: 0 },
      },
    });
    expect((await outboxOf(id)).slice(before).map(({ type }) => type)).toEqual(["order.cancelled", "stock.closed"]);
    expect(await product.check()).toMatchObject({ differences: [] });
    expect(await product.hold(makeHold())).toMatchObject({ refusal: { code: "round-closed" } });
  });

  it("is harmless when it is repeated", async () => {
    const { id, product } = await makeBusy();
    const first = await product.act("close", CAUSE);
    const events = (await outboxOf(id)).length;
    expect(await product.act("close", CAUSE)).toEqual(first);
    expect(await outboxOf(id)).toHaveLength(events);
  });

  it("ends a round that is paused, and one that never opened", async () => {
    for (const rules of [{}, opensIn(3_600_000)]) {
      const { product } = await makeProduct(5, rules);
      await product.act("pause", CAUSE);
      expect(await product.act("close", CAUSE)).toMatchObject({ value: { state: "closed", withdrawn: 5 } });
    }
  });

  it("happens by the clock once the last hold has ended, and is told to the writer once", async () => {
    const { id, product, document } = await makeProduct(5);
    vi.setSystemTime(document.closesAt - 1);
    const [lapsing, paying] = [await holdOne(product), await holdOne(product)];
    vi.setSystemTime(document.closesAt);
    expect(await product.document()).toMatchObject({ state: "closed", available: 3, held: 2, withdrawn: 0 });
    expect(await product.pay(makePay(paying.orderId))).toMatchObject({ value: { status: "paid" } });
    vi.setSystemTime(lapsing.holdExpiresAt);
    expect(await product.document()).toMatchObject({ state: "closed", available: 0, held: 0, paid: 1, withdrawn: 4 });
    const closings = (await outboxOf(id)).filter(({ type }) => type === "stock.closed");
    expect(closings).toMatchObject([{ withdrawn: 4, requestId: "sweep" }]);
  });
});

describe("pause and resume", () => {
  it("change the state and the version, once", async () => {
    const { product } = await makeProduct(5);
    expect(await product.act("pause", CAUSE)).toMatchObject({ value: { state: "paused", version: 2 } });
    expect(await product.act("pause", CAUSE)).toMatchObject({ value: { state: "paused", version: 2 } });
    expect(await product.view()).toMatchObject({ paused: true, version: 2 });
    expect(await product.act("resume", CAUSE)).toMatchObject({ value: { state: "open", version: 3 } });
    expect(await product.act("resume", CAUSE)).toMatchObject({ value: { state: "open", version: 3 } });
  });

  it("leave holds and payments alone", async () => {
    const { product } = await makeProduct(5);
    const [paying, lapsing] = [await holdOne(product), await holdOne(product)];
    await product.act("pause", CAUSE);
    expect(await product.pay(makePay(paying.orderId))).toMatchObject({ value: { status: "paid" } });
    vi.setSystemTime(lapsing.holdExpiresAt);
    expect(await product.document()).toMatchObject({ state: "paused", held: 0, available: 4 });
  });

  it.each(["pause", "resume"] as const)("refuse to %s a round that is over", async (action) => {
    const { product, document } = await makeProduct(5);
    vi.setSystemTime(document.closesAt);
    const refusal = { code: "wrong-state", status: "closed" };
    expect(await product.act(action, CAUSE)).toEqual({ ok: false, refusal });
    await product.act("close", CAUSE);
    expect(await product.act(action, CAUSE)).toEqual({ ok: false, refusal });
  });

  it("are not found where no product is", async () => {
    const product = productStub(makeProductId());
    const notFound = { ok: false, refusal: { code: "not-found" } };
    for (const action of ["pause", "resume", "close"] as const)
      expect(await product.act(action, CAUSE)).toEqual(notFound);
    expect(await product.changeStock(1, CAUSE)).toEqual(notFound);
  });
});

describe("changeStock", () => {
  it("adds units that are buyable at once", async () => {
    const { product } = await makeProduct(1);
    await holdOne(product);
    expect(await product.changeStock(2, CAUSE)).toMatchObject({
      value: { allocated: 3, available: 2, held: 1, version: 2 },
    });
    expect(await product.hold(makeHold({ quantity: 2 }))).toMatchObject({ ok: true });
  });

  it("withdraws to the last unit that is available, and not one that is held", async () => {
    const { product } = await makeProduct(3);
    await holdOne(product);
    expect(refusalOf(await product.changeStock(-3, CAUSE))).toMatchObject({ code: "wrong-state", status: "open" });
    expect(await product.document()).toMatchObject({ available: 2, version: 1 });
    expect(await product.changeStock(-2, CAUSE)).toMatchObject({
      value: { state: "held-out", allocated: 3, available: 0, held: 1, withdrawn: 2 },
    });
    expect(await product.check()).toMatchObject({ differences: [] });
  });

  it("never withdraws more than once when it comes often at once", async () => {
    const { product } = await makeProduct(10);
    const answers = await Promise.all(Array.from({ length: 20 }, () => product.changeStock(-3, CAUSE)));
    expect(answers.filter((answer) => answer.ok)).toHaveLength(3);
    expect(await product.document()).toMatchObject({ allocated: 10, available: 1, withdrawn: 9 });
  });
});

describe("audit", () => {
  it("has every change by an operator, the newest first, with time and request id", async () => {
    const { id, product } = await makeProduct(5, opensIn(3_600_000));
    const rules = opensIn(1_800_000);
    await product.configure(makeConfigure(id, { rules, stock: 6, cause: cause("r-change") }));
    await product.act("pause", cause("r-pause"));
    await product.act("resume", cause("r-resume"));
    await product.changeStock(2, cause("r-add"));
    await product.changeStock(-99, cause("r-refused"));
    await product.act("close", cause("r-close"));
    const at = Date.now();
    expect((await product.audit(6)).map((entry) => ({ ...entry }))).toEqual([
      { at, requestId: "r-close", action: "close", detail: { round: 1 } },
      { at, requestId: "r-add", action: "stock", detail: { round: 1, delta: 2 } },
      { at, requestId: "r-resume", action: "resume", detail: { round: 1 } },
      { at, requestId: "r-pause", action: "pause", detail: { round: 1 } },
      { at, requestId: "r-change", action: "change-round", detail: { rules, stock: 6, originRound: null } },
      { at, requestId: "test", action: "begin-round", detail: expect.objectContaining({ stock: 5 }) },
    ]);
    expect(await product.audit(1)).toHaveLength(1);
  });
});
