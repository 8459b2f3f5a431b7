/** Promise 6: unpaid units are buyable again the moment the hold's time is over, whether or not any timer ran. */
import { describe, expect, it, vi } from "vitest";
import {
  CAUSE,
  evictProduct,
  holdOne,
  inProduct,
  makeCancel,
  makeConfigure,
  makeHold,
  makePay,
  makeProduct,
  makeRules,
  outboxOf,
  recordQueue,
  useMovableClock,
  type TestedProduct,
} from "../../support/worker/products.ts";

recordQueue();
useMovableClock();

/** More than the object releases at once (500), and not a multiple of it. */
const MANY = 1003;

/** F4: whatever the platform's alarm would have done, it does not. */
async function loseAlarm(id: string): Promise<void> {
  await inProduct(id, (_instance, { storage }) => storage.deleteAlarm());
}

/** Within the object: a thousand calls across its border would take seconds. */
async function holdMany(id: string, count: number): Promise<void> {
  const held = await inProduct(id, async (instance) => {
    const answers = await Promise.all(Array.from({ length: count }, () => instance.hold(makeHold())));
    return answers.filter((answer) => answer.ok).length;
  });
  expect(held).toBe(count);
}

describe("a hold whose time is over", () => {
  it("F4 counts until the very millisecond, and is buyable in it, though no alarm ran", async () => {
    const { id, product } = await makeProduct(1, { holdSeconds: 60 });
    const order = await holdOne(product);
    await loseAlarm(id);
    vi.setSystemTime(order.holdExpiresAt - 1);
    expect(await product.hold(makeHold())).toMatchObject({ refusal: { code: "held-out", retryAfterSeconds: 1 } });
    expect(await product.order(order.orderId)).toMatchObject({ status: "held" });
    vi.setSystemTime(order.holdExpiresAt);
    expect(await product.hold(makeHold())).toMatchObject({ ok: true });
    expect(await product.order(order.orderId)).toMatchObject({ status: "expired", updatedAt: order.holdExpiresAt });
    expect(await product.check()).toMatchObject({ held: 1, differences: [] });
  });

  it.each(["document", "view", "check"] as const)("F4 is released for %s() by the read itself", async (read) => {
    const { id, product } = await makeProduct(1);
    const order = await holdOne(product);
    await loseAlarm(id);
    vi.setSystemTime(order.holdExpiresAt);
    expect(await product[read]()).toMatchObject({ available: 1, held: 0 });
  });

  it("F4 is told as expired by order(), dated from its end", async () => {
    const { id, product } = await makeProduct(1);
    const order = await holdOne(product);
    await loseAlarm(id);
    vi.setSystemTime(order.holdExpiresAt + 5000);
    expect(await product.order(order.orderId)).toMatchObject({ status: "expired", updatedAt: order.holdExpiresAt });
  });

  it("F4 is released after the object was lost, by the first read", async () => {
    const { id, product } = await makeProduct(1);
    const order = await holdOne(product);
    vi.setSystemTime(order.holdExpiresAt);
    await evictProduct(id);
    await loseAlarm(id);
    expect(await product.view()).toMatchObject({ available: 1, held: 0, nextReleaseAt: null });
  });

  it("never blocks its own buyer", async () => {
    const { product } = await makeProduct(2, { perBuyerLimit: 1 });
    const order = await holdOne(product, { buyerId: "b-1" });
    vi.setSystemTime(order.holdExpiresAt - 1);
    expect(await product.hold(makeHold({ buyerId: "b-1" }))).toMatchObject({ refusal: { code: "buyer-limit" } });
    vi.setSystemTime(order.holdExpiresAt);
    expect(await product.hold(makeHold({ buyerId: "b-1" }))).toMatchObject({ ok: true });
  });

  it("is told to the writer once, dated from its end, with the cause that made it", async () => {
    const { id, product } = await makeProduct(1);
    const order = await holdOne(product);
    vi.setSystemTime(order.holdExpiresAt + 7000);
    await product.document();
    await product.document();
    const expired = (await outboxOf(id)).filter((event) => event.type === "order.expired");
    expect(expired).toMatchObject([{ orderId: order.orderId, version: 2, at: order.holdExpiresAt, ...CAUSE }]);
  });

  it("is no hold any more for its buyer's cancellation", async () => {
    const { product } = await makeProduct(1);
    const order = await holdOne(product, { buyerId: "b-1" });
    vi.setSystemTime(order.holdExpiresAt);
    const answer = await product.cancel(makeCancel(order.orderId, { buyerId: "b-1" }));
    expect(answer).toMatchObject({ ok: true, value: { status: "expired" } });
  });
});

async function makeManyOver(): Promise<{ readonly id: string; readonly product: TestedProduct }> {
  const { id, product, document } = await makeProduct(MANY);
  await holdMany(id, MANY);
  vi.setSystemTime(Date.now() + document.holdSeconds * 1000);
  await loseAlarm(id);
  return { id, product };
}

describe("more holds at once than are released at once", () => {
  it("are all buyable at once", async () => {
    const { id, product } = await makeManyOver();
    await holdMany(id, MANY);
    expect(await product.check()).toMatchObject({ available: 0, held: MANY, differences: [] });
    expect(await product.document()).toMatchObject({ orders: { held: MANY, expired: MANY } });
  });

  it("make room at once for a buyer who wants more than were released", async () => {
    const { id, product, document } = await makeProduct(MANY, { perBuyerLimit: MANY });
    await holdMany(id, MANY);
    vi.setSystemTime(Date.now() + document.holdSeconds * 1000);
    await loseAlarm(id);
    expect(await product.hold(makeHold({ quantity: MANY }))).toMatchObject({ ok: true });
  });

  it("make room at once for a late payment of more than are released at once", async () => {
    const quantity = MANY - 1;
    const { id, product } = await makeProduct(MANY, { perBuyerLimit: MANY });
    const late = await holdOne(product, { quantity });
    await product.cancel(makeCancel(late.orderId));
    await holdMany(id, MANY);
    vi.setSystemTime(Date.now() + 60_000);
    await loseAlarm(id);
    expect(await product.pay(makePay(late.orderId))).toMatchObject({ ok: true, value: { status: "paid" } });
  });

  it("are expired, not cancelled, when the round is closed then", async () => {
    const { product } = await makeManyOver();
    const closed = await product.act("close", CAUSE);
    expect(closed).toMatchObject({ value: { held: 0, withdrawn: MANY, orders: { expired: MANY, cancelled: 0 } } });
  });

  it("can all be withdrawn at once", async () => {
    const { product } = await makeManyOver();
    expect(await product.changeStock(-MANY, CAUSE)).toMatchObject({
      ok: true,
      value: { available: 0, withdrawn: MANY },
    });
  });

  it("do not stand in the way of the next round", async () => {
    const { id, product, document } = await makeProduct(MANY);
    await holdMany(id, MANY);
    await loseAlarm(id);
    vi.setSystemTime(document.closesAt);
    const rules = makeRules();
    expect(await product.configure(makeConfigure(id, { rules }))).toMatchObject({ ok: true, value: { round: 2 } });
  });

  it("do not count against the cap of a buyer whose own was not released yet", async () => {
    const { id, product } = await makeProduct(MANY + 2, { perBuyerLimit: 1 });
    await holdMany(id, MANY);
    vi.setSystemTime(Date.now() + 1);
    const last = await holdOne(product, { buyerId: "b-1" });
    await loseAlarm(id);
    vi.setSystemTime(last.holdExpiresAt);
    expect(await product.hold(makeHold({ buyerId: "b-1" }))).toMatchObject({ ok: true });
    expect(await product.order(last.orderId)).toMatchObject({ status: "expired" });
  });

  it("are all released after one step, without another and without an alarm", async () => {
    const { id, product } = await makeManyOver();
    await product.hold(makeHold());
    const stored = () =>
      inProduct(id, (_instance, { storage }) =>
        storage.sql.exec("SELECT held, expired_orders AS expired FROM rounds").one(),
      );
    await vi.waitUntil(async () => (await stored())["expired"] === MANY, { interval: 1 });
    expect(await stored()).toEqual({ held: 1, expired: MANY });
  });

  it("are all released for a read", async () => {
    const { product } = await makeManyOver();
    expect(await product.document()).toMatchObject({ available: MANY, held: 0, orders: { expired: MANY } });
  });
});
