/** F4: what the alarm does, when it comes, and what becomes of it when its work fails. */
import { describe, expect, it, vi } from "vitest";
import {
  alarmOf,
  breakStatement,
  CAUSE,
  holdOne,
  inProduct,
  makeCancel,
  makeHold,
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

async function acknowledgeAll(id: string, product: TestedProduct): Promise<void> {
  await product.acknowledge((await outboxOf(id)).map(({ eventId }) => eventId));
}

/** What is stored, without a read of the product that would bring it up to date. */
async function storedRound(id: string): Promise<unknown> {
  return inProduct(id, (_instance, { storage }) =>
    storage.sql.exec("SELECT available, held, withdrawn, closed, expired_orders AS expired FROM rounds").one(),
  );
}

describe("the alarm", () => {
  it("releases holds that are over", async () => {
    const { id, product } = await makeProduct(2);
    const order = await holdOne(product);
    vi.setSystemTime(order.holdExpiresAt);
    expect(await runAlarm(id)).toBe(true);
    expect(await storedRound(id)).toMatchObject({ available: 2, held: 0, expired: 1 });
  });

  it("closes a round that is over", async () => {
    const { id, product, document } = await makeProduct(2);
    await acknowledgeAll(id, product);
    vi.setSystemTime(Date.now() + 10_000);
    await runAlarm(id);
    expect(await alarmOf(id)).toBe(document.closesAt);
    vi.setSystemTime(document.closesAt);
    await runAlarm(id);
    expect(await storedRound(id)).toMatchObject({ available: 0, withdrawn: 2, closed: 1 });
  });

  it("comes when the first of all things is due: a sending, a hold's end, the round's end", async () => {
    const { id, product, document } = await makeProduct(2, { holdSeconds: 3 });
    expect(await alarmOf(id)).toBe(Date.now() + 5000);
    const order = await holdOne(product);
    expect(await alarmOf(id)).toBe(order.holdExpiresAt);
    await acknowledgeAll(id, product);
    vi.setSystemTime(order.holdExpiresAt);
    await runAlarm(id);
    await acknowledgeAll(id, product);
    vi.setSystemTime((await alarmOf(id)) ?? 0);
    await runAlarm(id);
    expect(await alarmOf(id)).toBe(document.closesAt);
  });

  it("comes once more when all that is stored has had its time, and is then not set any more", async () => {
    const { id, product } = await makeProduct(2);
    await product.act("close", CAUSE);
    const closedAt = Date.now();
    await acknowledgeAll(id, product);
    vi.setSystemTime(closedAt + 5000);
    await runAlarm(id);
    expect(await alarmOf(id)).toBe(closedAt + RETENTION_MS);
    vi.setSystemTime(closedAt + RETENTION_MS);
    await runAlarm(id);
    expect(await alarmOf(id)).toBeNull();
  });

  it("comes once for what is due, and next when the next is due", async () => {
    const { id, product } = await makeProduct(2);
    await holdOne(product);
    vi.setSystemTime(Date.now() + 10_000);
    await runAlarm(id);
    expect(await alarmOf(id)).toBe(Date.now() + 10_000);
  });

  it("comes early again when a new step is due sooner", async () => {
    const { id, product } = await makeProduct(2, { holdSeconds: 5 });
    vi.setSystemTime(Date.now() + 10_000);
    await runAlarm(id);
    const order = await holdOne(product);
    expect(await alarmOf(id)).toBe(order.holdExpiresAt);
  });

  it("is harmless when it comes too early, or twice", async () => {
    const { id, product } = await makeProduct(2);
    await holdOne(product);
    await queue.untilSent(id, 2);
    const sent = queue.sentFor(id).length;
    await inProduct(id, async (instance) => {
      await instance.alarm();
      await instance.alarm();
    });
    expect(queue.sentFor(id)).toHaveLength(sent);
    expect(await storedRound(id)).toMatchObject({ held: 1, expired: 0 });
  });
});

describe("an alarm whose work fails", () => {
  it.each([
    ["releasing a hold", "UPDATE orders"],
    ["looking for what is due", "SELECT seq, body, attempts FROM outbox"],
    ["postponing what is sent", "UPDATE outbox SET attempts"],
  ])("does not throw while %s, and comes again in five seconds, not at once", async (_name, broken) => {
    const { id, product } = await makeProduct(2);
    const order = await holdOne(product);
    vi.setSystemTime(order.holdExpiresAt);
    const mend = await inProduct(id, (_instance, { storage }) =>
      breakStatement(storage.sql, (query) => query.startsWith(broken)),
    );
    for (let alarm = 0; alarm < 8; alarm++) {
      expect(await runAlarm(id)).toBe(true);
      expect(await alarmOf(id)).toBe(Date.now() + 5000);
      vi.setSystemTime(Date.now() + 5000);
    }
    await inProduct(id, () => mend());
    await runAlarm(id);
    expect(await storedRound(id)).toMatchObject({ available: 2, held: 0, expired: 1 });
    await queue.untilAllSent(id, [`${order.orderId}.2`]);
    const versions = queue.sentFor(id).flatMap((event) => (event.type === "order.expired" ? [event.version] : []));
    expect(new Set(versions)).toEqual(new Set([2]));
    expect(await product.hold(makeHold())).toMatchObject({ ok: true });
    expect(await product.cancel(makeCancel(order.orderId))).toMatchObject({ value: { status: "expired" } });
  });
});
