/** Orders that are over leave the object, and nothing that is decided changes by that. */
import { describe, expect, it, vi } from "vitest";
import { TOKEN_HORIZON_MS } from "../../../durable-objects/product/retention.ts";
import { acknowledgeAll, letLeave, LONG, makeScene, storedOrders } from "../../support/worker/archive.ts";
import {
  alarmOf,
  breakStatement,
  CAUSE,
  dump,
  evictProduct,
  holdOne,
  inProduct,
  makeCancel,
  makeHold,
  makePay,
  makeProduct,
  outboxOf,
  recordQueue,
  RETENTION_MS,
  runAlarm,
  useMovableClock,
} from "../../support/worker/products.ts";

recordQueue();
useMovableClock();

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
