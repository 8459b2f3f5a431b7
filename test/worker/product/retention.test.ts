/** Orders that are over leave the object, and nothing that is decided changes by that. */
import { describe, expect, it, vi } from "vitest";
import type { OrderEvent, OrderSnapshot } from "../../../durable-objects/product/protocol.ts";
import { TOKEN_HORIZON_MS } from "../../../durable-objects/product/retention.ts";
import {
  alarmOf,
  breakStatement,
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
  makeProduct,
  outboxOf,
  recordQueue,
  RETENTION_MS,
  runAlarm,
  useMovableClock,
  type TestedProduct,
} from "../../support/worker/products.ts";

const queue = recordQueue();
useMovableClock();

/** A round that outlives every retention in here. */
const LONG = { closesAt: Date.UTC(2101, 0, 1) };

/** As the writer does: nothing that it was not sent. */
async function acknowledgeAll(id: string, product: TestedProduct): Promise<void> {
  const pending = (await outboxOf(id)).map(({ eventId }) => eventId);
  await queue.untilAllSent(id, pending);
  await product.acknowledge(pending);
}

/** Everything is delivered, the retention passes, and the alarm comes as often as it wants to. */
async function letLeave(id: string, product: TestedProduct): Promise<void> {
  await acknowledgeAll(id, product);
  vi.setSystemTime(Date.now() + RETENTION_MS);
  await runAlarm(id);
  for (let step = 0; step < 20 && ((await alarmOf(id)) ?? Infinity) <= Date.now() + 1000; step++) {
    vi.setSystemTime((await alarmOf(id)) ?? 0);
    await runAlarm(id);
    await acknowledgeAll(id, product);
  }
}

async function storedOrders(id: string): Promise<number> {
  return inProduct(id, (_instance, { storage }) =>
    Number(storage.sql.exec("SELECT COUNT(*) AS n FROM orders").one()["n"]),
  );
}

/** The order's row as the writer would have it: by the newest event that was sent. */
function rowOf(id: string, orderId: string): OrderSnapshot {
  const events = queue
    .sentFor(id)
    .filter((event): event is OrderEvent => "orderId" in event && event.orderId === orderId);
  const newest = events.toSorted((a, b) => a.version - b.version).at(-1);
  if (newest === undefined) throw new Error(`Nothing was sent of ${orderId}`);
  const { productId, round, buyerId, status, quantity, version, paymentId, holdExpiresAt, createdAt, at } = newest;
  return {
    orderId,
    productId,
    round,
    buyerId,
    status,
    quantity,
    version,
    paymentId,
    holdExpiresAt,
    createdAt,
    updatedAt: at,
  };
}

/** A product with an order of each final status in an open round, all of them of other buyers. */
async function makeScene() {
  const made = await makeProduct(10, LONG);
  const { product } = made;
  const [paid, cancelled, expired] = [await holdOne(product), await holdOne(product), await holdOne(product)];
  await product.pay(makePay(paid.orderId));
  await product.cancel(makeCancel(cancelled.orderId));
  vi.setSystemTime(expired.holdExpiresAt);
  await product.document();
  return { ...made, paid, cancelled, expired };
}

describe("an order that is over", () => {
  it("leaves when it is delivered and its time has passed; book, counts and check stay", async () => {
    const { id, product, cancelled, expired } = await makeScene();
    const before = await product.document();
    await letLeave(id, product);
    expect(await storedOrders(id)).toBe(1);
    expect(await product.order(cancelled.orderId)).toBe("archived");
    expect(await product.order(expired.orderId)).toBe("archived");
    expect(await product.document()).toEqual({ ...before, outbox: { pending: 0, oldestAt: null } });
    expect(await product.check()).toMatchObject({ differences: [] });
  });

  it("stays until then: a millisecond before, and while anything of it is not delivered", async () => {
    const { id, product, cancelled, expired } = await makeScene();
    const endedAt = Date.now();
    const events = (await outboxOf(id)).map(({ eventId }) => eventId);
    await product.acknowledge(events.filter((eventId) => eventId !== `${cancelled.orderId}.1`));
    vi.setSystemTime(endedAt + RETENTION_MS - 1);
    await runAlarm(id);
    expect(await product.order(expired.orderId)).toMatchObject({ status: "expired" });
    vi.setSystemTime(endedAt + RETENTION_MS);
    await evictProduct(id);
    await runAlarm(id);
    expect(await product.order(expired.orderId)).toBe("archived");
    expect(await product.order(cancelled.orderId)).toMatchObject({ status: "cancelled", delivered: false });
    await product.acknowledge([`${cancelled.orderId}.1`]);
    vi.setSystemTime(Date.now() + 3_600_000);
    await runAlarm(id);
    expect(await product.order(cancelled.orderId)).toBe("archived");
  });

  it("T7 stays while it is paid and its round is open: the buyer's cap counts it", async () => {
    const { id, product, paid } = await makeScene();
    const { buyerId } = paid;
    await letLeave(id, product);
    expect(await product.hold(makeHold({ buyerId, quantity: 2 }))).toMatchObject({ refusal: { code: "buyer-limit" } });
    expect(await product.hold(makeHold({ buyerId }))).toMatchObject({ ok: true });
    await product.act("close", CAUSE);
    await letLeave(id, product);
    expect(await storedOrders(id)).toBe(0);
    expect(await product.order(paid.orderId)).toBe("archived");
    expect(await product.document()).toMatchObject({ paid: 1, orders: { paid: 1, cancelled: 2, expired: 1 } });
    expect(await product.check()).toMatchObject({ differences: [] });
  });

  it("T2 is found by its token for longer than any clock takes the token for good", async () => {
    const { id, product } = await makeProduct(3, LONG);
    const command = makeHold();
    const order = await holdOne(product, command);
    await product.cancel(makeCancel(order.orderId));
    await acknowledgeAll(id, product);
    vi.setSystemTime(order.createdAt + TOKEN_HORIZON_MS);
    await runAlarm(id);
    expect(await product.hold(command)).toMatchObject({ value: { replayed: true, order: { status: "cancelled" } } });
  });

  it("T8 leaves nothing out of what hoarding is counted by", async () => {
    const { id, product } = await makeProduct(3, LONG);
    const hoarding = { ...makeHold().hoarding, unpaidUnitSecondsPerBuyer: 60 };
    const first = await holdOne(product, { buyerId: "b-1" });
    await acknowledgeAll(id, product);
    // Configured too short by whatever way: the object keeps to the least all the same.
    await inProduct(id, (_instance, { storage }) => storage.sql.exec("UPDATE product SET order_retention_ms = 0"));
    vi.setSystemTime(first.holdExpiresAt + 86_400_000 - 1000);
    await evictProduct(id);
    await runAlarm(id);
    const refused = { refusal: { code: "hoarding", retryAfterSeconds: 1 } };
    expect(await product.hold(makeHold({ buyerId: "b-1", hoarding }))).toMatchObject(refused);
  });

  it("leaves in bounded steps, the oldest first", async () => {
    const { id, product } = await makeProduct(1200, LONG);
    await inProduct(id, (instance) => Promise.all(Array.from({ length: 1200 }, () => instance.hold(makeHold()))));
    vi.setSystemTime(Date.now() + 60_000);
    await product.document();
    await acknowledgeAll(id, product);
    vi.setSystemTime(Date.now() + RETENTION_MS);
    const left: number[] = [];
    for (let step = 0; step < 3; step++) {
      await runAlarm(id);
      left.push(await storedOrders(id));
      vi.setSystemTime(Date.now() + 100);
    }
    expect(left).toEqual([700, 200, 0]);
    expect(await product.check()).toMatchObject({ differences: [] });
  });

  it("F7 passes by what stands in the dead letters, however much that is", async () => {
    const { id, product } = await makeProduct(600, LONG);
    const answers = await inProduct(id, (instance) =>
      Promise.all(Array.from({ length: 550 }, () => instance.hold(makeHold()))),
    );
    const parked = answers.flatMap((answer) => (answer.ok ? [`${answer.value.order.orderId}.1`] : []));
    vi.setSystemTime(Date.now() + 60_000);
    const later = await holdOne(product);
    vi.setSystemTime(Date.now() + 60_000);
    await product.document();
    await product.park(parked);
    const others = (await outboxOf(id)).map(({ eventId }) => eventId).filter((eventId) => !parked.includes(eventId));
    await product.acknowledge(others);
    vi.setSystemTime(Date.now() + RETENTION_MS);
    await runAlarm(id);
    expect(await storedOrders(id)).toBe(551);
    vi.setSystemTime(Date.now() + 100);
    await runAlarm(id);
    expect(await product.order(later.orderId)).toBe("archived");
    expect(await alarmOf(id)).toBe(Date.now() + 3_600_000);
  });

  it("F4 leaves also when the object was lost, and its alarm with it", async () => {
    const { id, product } = await makeScene();
    await acknowledgeAll(id, product);
    const endedAt = Date.now();
    await inProduct(id, (_instance, { storage }) => storage.deleteAlarm());
    await evictProduct(id);
    // The cancelled one ended a minute before.
    expect(await alarmOf(id)).toBe(endedAt - 60_000 + RETENTION_MS);
  });

  it.each(["DELETE FROM orders", "INSERT INTO archived", "DELETE FROM callbacks", "INSERT INTO product"])(
    "F3 leaves whole or not at all: a fault after %s, and it is tried again",
    async (broken) => {
      const { id, product, cancelled } = await makeScene();
      await acknowledgeAll(id, product);
      vi.setSystemTime(Date.now() + RETENTION_MS);
      const before = await inProduct(id, (_instance, { storage }) => dump(storage.sql));
      const mend = await inProduct(id, (_instance, { storage }) =>
        breakStatement(storage.sql, (query) => query.trimStart().startsWith(broken)),
      );
      await runAlarm(id);
      expect(await inProduct(id, (_instance, { storage }) => dump(storage.sql))).toEqual(before);
      expect(await alarmOf(id)).toBe(Date.now() + 5000);
      await inProduct(id, () => mend());
      vi.setSystemTime(Date.now() + 5000);
      await runAlarm(id);
      expect(await product.order(cancelled.orderId)).toBe("archived");
    },
  );
});

describe("an order that has left", () => {
  it("is paid by a late payment while there is stock, comes back, and leaves again", async () => {
    const { id, product, expired } = await makeScene();
    await letLeave(id, product);
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
    await letLeave(id, product);
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
    await letLeave(id, product);
    await meanwhile(product, expired.buyerId);
    const pay = makePay(expired.orderId, { snapshot: rowOf(id, expired.orderId) });
    expect(await product.pay(pay)).toMatchObject({ value: { status: "refund_due", paymentId: "pay-1" } });
    expect(await product.pay(pay)).toMatchObject({ value: { status: "refund_due" } });
    expect(await product.check()).toMatchObject({ differences: [] });
    await letLeave(id, product);
    const again = makePay(expired.orderId, { snapshot: rowOf(id, expired.orderId) });
    expect(await product.pay(again)).toMatchObject({ value: { status: "refund_due" } });
    const other = makePay(expired.orderId, { snapshot: rowOf(id, expired.orderId), paymentId: "pay-2" });
    expect(await product.pay(other)).toMatchObject({ refusal: { code: "wrong-state", status: "refund_due" } });
  });

  it("T18 is cancelled by its buyer, with no effect, and by nobody else", async () => {
    const { id, product, cancelled } = await makeScene();
    await letLeave(id, product);
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
    await letLeave(id, product);
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
    await letLeave(id, product);
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
    await letLeave(id, product);
    const late = await holdOne(product);
    expect(await product.order(`${late.orderId.slice(0, 12)}${"0".repeat(26)}`)).toBeNull();
    expect(await product.order(`00${"0".repeat(36)}`)).toBeNull();
    expect(await product.order(`${expired.orderId.slice(0, 12)}${"0".repeat(26)}`)).toBe("archived");
  });

  it("gets a refund in a round that was forgotten", async () => {
    const { id, product, expired } = await makeScene();
    await product.act("close", CAUSE);
    await letLeave(id, product);
    await product.configure(makeConfigure(id));
    // A thousand rounds later.
    await inProduct(id, (_instance, { storage }) => {
      storage.sql.exec("UPDATE rounds SET round = 1500 WHERE round = 2");
      storage.sql.exec("UPDATE product SET round = 1500");
    });
    await evictProduct(id);
    // Something leaves, and the rounds are looked through.
    await product.cancel(makeCancel((await holdOne(product, { round: 1500 })).orderId));
    await letLeave(id, product);
    const rounds = () =>
      inProduct(id, (_instance, { storage }) => storage.sql.exec("SELECT round FROM rounds").toArray());
    expect(await rounds()).toEqual([{ round: 1500 }]);
    const pay = makePay(expired.orderId, { snapshot: rowOf(id, expired.orderId) });
    expect(await product.pay(pay)).toMatchObject({ value: { status: "refund_due", round: 1 } });
    expect((await outboxOf(id)).at(-1)).toMatchObject({ type: "order.refund_due", round: 1, version: 3 });
    await letLeave(id, product);
    expect(await storedOrders(id)).toBe(0);
  });
});

describe("what else is kept", () => {
  it("callbacks for seven days, the newest 10,000 entries of the audit list", async () => {
    const { id, product } = await makeProduct(5, LONG);
    const order = await holdOne(product);
    await product.pay(makePay(order.orderId));
    const count = (table: string) =>
      inProduct(id, (_instance, { storage }) => storage.sql.exec(`SELECT COUNT(*) AS n FROM ${table}`).one()["n"]);
    await acknowledgeAll(id, product);
    vi.setSystemTime(Date.now() + 7 * 86_400_000 - 1);
    await runAlarm(id);
    expect(await count("callbacks")).toBe(1);
    vi.setSystemTime(Date.now() + 1);
    await runAlarm(id);
    expect(await count("callbacks")).toBe(0);
    await inProduct(id, (_instance, { storage }) =>
      storage.sql.exec(`INSERT INTO audit (at, request_id, action, detail) SELECT 0, 'old', 'pause', '{}'
        FROM (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10500) SELECT i FROM n)`),
    );
    await product.act("pause", CAUSE);
    expect(await count("audit")).toBe(10_000);
    expect((await product.audit(1))[0]).toMatchObject({ action: "pause", requestId: CAUSE.requestId });
  });

  it("tables from before orders left get what they lack", async () => {
    const { id, product, expired } = await makeScene();
    await acknowledgeAll(id, product);
    await inProduct(id, (_instance, { storage }) => {
      for (const statement of [
        "DROP TABLE archived",
        "DROP INDEX orders_ended_paid",
        "DROP INDEX orders_ended_unpaid",
        "ALTER TABLE product DROP COLUMN order_retention_ms",
        "ALTER TABLE product DROP COLUMN archived_from",
        "ALTER TABLE product DROP COLUMN archived_through",
      ])
        storage.sql.exec(statement);
    });
    await evictProduct(id);
    expect(await product.check()).toMatchObject({ differences: [] });
    await letLeave(id, product);
    expect(await product.order(expired.orderId)).toBe("archived");
    expect(await product.check()).toMatchObject({ differences: [] });
  });
});
