/** The outbox: what is told to the writer, how often, and until when. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Cause, ProductEvent } from "../../../durable-objects/product/protocol.ts";
import {
  alarmOf,
  CAUSE,
  evictProduct,
  holdOne,
  inProduct,
  makeCancel,
  makeConfigure,
  makeHold,
  makePay,
  makeProduct,
  makeProductId,
  outboxOf,
  productStub,
  recordQueue,
  RETENTION_MS,
  runAlarm,
  useMovableClock,
} from "../../support/worker/products.ts";

const queue = recordQueue();
useMovableClock();

beforeEach(() => queue.fail(false));

/** A cause that can be told from others. */
function cause(requestId: string): Cause {
  return { ...CAUSE, requestId };
}

function eventIds(events: readonly ProductEvent[]): readonly string[] {
  return events.map(({ eventId }) => eventId);
}

describe("the events of a step", () => {
  it("are written whole, in order, and sent", async () => {
    const { id, product } = await makeProduct(4);
    const start = Date.now();
    const stock = (version: number, event: object) => ({
      eventId: `${id}.1.${version}`,
      productId: id,
      round: 1,
      version,
      title: "A test's product",
      returned: 0,
      withdrawn: 0,
      ...event,
    });
    const command = makeHold({ buyerId: "b-1", quantity: 2, cause: cause("r-hold") });
    const held = await holdOne(product, command);
    const order = {
      productId: id,
      round: 1,
      orderId: held.orderId,
      buyerId: "b-1",
      quantity: 2,
      paymentId: null,
      holdExpiresAt: held.holdExpiresAt,
      createdAt: start,
    };
    const change = (version: number, status: string, event: object) => ({
      ...order,
      eventId: `${held.orderId}.${version}`,
      type: `order.${status}`,
      version,
      status,
      ...event,
    });
    vi.setSystemTime(held.holdExpiresAt + 1000);
    const late = Date.now();
    await product.changeStock(1, cause("r-stock"));
    await product.act("pause", CAUSE);
    await product.pay(makePay(held.orderId, { cause: cause("r-pay") }));
    await product.hold(command);
    await product.act("close", cause("r-close"));
    const expected = [
      stock(1, { type: "stock.allocated", seq: 1, at: start, allocated: 4, ...CAUSE }),
      change(1, "held", { seq: 2, at: start, ...cause("r-hold") }),
      change(2, "expired", { seq: 3, at: held.holdExpiresAt, ...cause("r-hold") }),
      stock(2, { type: "stock.changed", seq: 4, at: late, allocated: 5, ...cause("r-stock") }),
      change(3, "paid", { seq: 5, at: late, paymentId: "pay-1", ...cause("r-pay") }),
      stock(4, { type: "stock.closed", seq: 6, at: late, allocated: 5, withdrawn: 3, ...cause("r-close") }),
    ];
    expect(await outboxOf(id)).toEqual(expected);
    await queue.untilSent(id, expected.length);
    expect(queue.sentFor(id)).toEqual(expected);
  });

  it("are none for a refusal, a repeat, a pause or a read", async () => {
    const { id, product } = await makeProduct(1);
    const command = makeHold();
    const { orderId } = await holdOne(product, command);
    await product.pay(makePay(orderId));
    const before = await outboxOf(id);
    await queue.untilSent(id, before.length);
    await product.hold(command);
    await product.hold(makeHold());
    await product.pay(makePay(orderId));
    await product.pay(makePay(orderId, { paymentId: "pay-2" }));
    await product.cancel(makeCancel(orderId));
    await product.changeStock(-5, CAUSE);
    await product.configure(makeConfigure(id));
    await product.act("pause", CAUSE);
    await product.act("resume", CAUSE);
    await product.view();
    expect(await outboxOf(id)).toEqual(before);
    expect(queue.sentFor(id)).toEqual(before);
  });

  it("number through all rounds without a gap, also under load and after a restart", async () => {
    const { id, product } = await makeProduct(100);
    await Promise.all(Array.from({ length: 150 }, () => product.hold(makeHold())));
    await evictProduct(id);
    await product.act("close", CAUSE);
    await product.configure(makeConfigure(id));
    await holdOne(product, { round: 2 });
    const events = await outboxOf(id);
    // Two allocations, 100 holds, their cancellations, the closing, and the hold of the second round.
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 204 }, (_, index) => index + 1));
    expect(new Set(eventIds(events)).size).toBe(204);
  });

  it("go to the queue at most a hundred to a message and four messages to a call, each once", async () => {
    const { id, product } = await makeProduct(450);
    await inProduct(id, (instance) => Promise.all(Array.from({ length: 450 }, () => instance.hold(makeHold()))));
    // One commit of 451 events: a full sending at the least.
    await product.act("close", CAUSE);
    await queue.untilSent(id, 902);
    const sizes = queue.sizesFor(id);
    expect(sizes).toContainEqual([100, 100, 100, 100]);
    expect(sizes.filter((messages) => messages.length > 4)).toEqual([]);
    expect(sizes.flat().filter((events) => events > 100)).toEqual([]);
    expect(queue.sentFor(id)).toEqual(await outboxOf(id));
  });

  it("go in more messages where they are long, none of them over 60 KB", async () => {
    const { id } = await makeProduct(100);
    const long = "\u53f0".repeat(297);
    await inProduct(id, (instance) =>
      Promise.all(Array.from({ length: 50 }, (_, index) => instance.hold(makeHold({ buyerId: `${long}${index}` })))),
    );
    await queue.untilSent(id, 51);
    // Each of them has some 1,300 bytes: the queue counts bytes, not letters.
    expect(
      queue
        .sizesFor(id)
        .flat()
        .toSorted((a, b) => b - a)[0],
    ).toBeLessThan(50);
    expect(queue.sizesFor(id).flat().length).toBe(3);
    expect(queue.sentFor(id)).toEqual(await outboxOf(id));
  });

  it("gather behind a sending, and a lone one goes at once", async () => {
    const { id } = await makeProduct(60);
    expect(queue.sizesFor(id)).toEqual([[1]]);
    const began = performance.now();
    await inProduct(id, async (instance) => {
      for (let hold = 0; hold < 50; hold++) await instance.hold(makeHold());
    });
    await queue.untilSent(id, 51);
    // Fifty commits, and one sending in 50 ms, however long they take here.
    const gatherings = Math.ceil((performance.now() - began) / 50);
    expect(queue.sizesFor(id).length).toBeLessThanOrEqual(2 + gatherings);
    expect(queue.sentFor(id)).toEqual(await outboxOf(id));
  });
});

describe("an event that is not acknowledged", () => {
  it("F5 is sent again, later and later, until it is", async () => {
    const { id, product } = await makeProduct(1);
    const [event] = await outboxOf(id);
    for (const wait of [5, 10, 20, 40, 80, 160, 300, 300]) {
      const before = queue.sentFor(id).length;
      expect(await alarmOf(id)).toBe(Date.now() + wait * 1000);
      vi.setSystemTime(Date.now() + wait * 1000 - 1);
      await runAlarm(id);
      expect(queue.sentFor(id)).toHaveLength(before);
      vi.setSystemTime(Date.now() + 1);
      await runAlarm(id);
      expect(queue.sentFor(id).slice(before)).toEqual([event]);
    }
    await product.acknowledge([event?.eventId ?? ""]);
    const before = queue.sentFor(id).length;
    vi.setSystemTime(Date.now() + 300_000);
    await runAlarm(id);
    expect(queue.sentFor(id)).toHaveLength(before);
    expect(await product.document()).toMatchObject({ outbox: { pending: 0, oldestAt: null } });
  });

  it("F5 is not lost when the queue is down: it stays, and is sent when the queue is back", async () => {
    queue.fail(true);
    const { id, product } = await makeProduct(3);
    await holdOne(product);
    await holdOne(product);
    await queue.untilTried(id, 3);
    expect(queue.sentFor(id)).toEqual([]);
    expect(await product.document()).toMatchObject({ held: 2, outbox: { pending: 3 } });
    vi.setSystemTime(Date.now() + 5000);
    await runAlarm(id);
    expect(queue.sentFor(id)).toEqual([]);
    queue.fail(false);
    vi.setSystemTime(Date.now() + 10_000);
    await runAlarm(id);
    expect(queue.sentFor(id)).toEqual(await outboxOf(id));
  });

  it("F1 is sent by the alarm when the object was lost between the commit and the sending", async () => {
    queue.fail(true);
    const { id, product } = await makeProduct(300);
    await inProduct(id, (instance) => Promise.all(Array.from({ length: 250 }, () => instance.hold(makeHold()))));
    await evictProduct(id);
    queue.fail(false);
    vi.setSystemTime(Date.now() + 5000);
    await runAlarm(id);
    expect(eventIds(queue.sentFor(id))).toEqual(eventIds(await outboxOf(id)));
    expect(await product.document()).toMatchObject({ outbox: { pending: 251 } });
  });

  it("is told in the document, with the age of the oldest", async () => {
    const { id, product } = await makeProduct(3);
    const start = Date.now();
    vi.setSystemTime(start + 1000);
    await holdOne(product);
    expect(await product.document()).toMatchObject({ outbox: { pending: 2, oldestAt: start } });
    await product.acknowledge([`${id}.1.1`]);
    expect(await product.document()).toMatchObject({ outbox: { pending: 1, oldestAt: start + 1000 } });
  });
});

describe("acknowledge", () => {
  it("takes ids twice, in any order, and ids that it never had", async () => {
    const { id, product } = await makeProduct(3);
    const { orderId } = await holdOne(product);
    await product.acknowledge([`${orderId}.1`, "nothing.1", `${orderId}.9`]);
    await product.acknowledge([`${orderId}.1`]);
    expect(eventIds(await outboxOf(id))).toEqual([`${id}.1.1`]);
    await product.acknowledge([]);
  });

  it("delivers an order once everything of it is acknowledged, in whatever order", async () => {
    const { product } = await makeProduct(3);
    const [order, other] = [await holdOne(product), await holdOne(product)];
    await product.pay(makePay(order.orderId));
    const delivered = async () => {
      const seen = await product.order(order.orderId);
      return seen === "archived" ? seen : seen?.delivered;
    };
    expect(await delivered()).toBe(false);
    await product.acknowledge([`${other.orderId}.1`]);
    expect(await delivered()).toBe(false);
    await product.acknowledge([`${order.orderId}.2`]);
    expect(await delivered()).toBe(false);
    await product.acknowledge([`${order.orderId}.1`]);
    expect(await delivered()).toBe(true);
  });

  it("takes the delivery back with the order's next change", async () => {
    const { product } = await makeProduct(3);
    const order = await holdOne(product);
    await product.acknowledge([`${order.orderId}.1`]);
    expect(await product.order(order.orderId)).toMatchObject({ delivered: true });
    vi.setSystemTime(order.holdExpiresAt);
    expect(await product.order(order.orderId)).toMatchObject({ status: "expired", delivered: false });
    await product.acknowledge([`${order.orderId}.2`]);
    expect(await product.pay(makePay(order.orderId))).toMatchObject({ value: { status: "paid", delivered: false } });
    await product.acknowledge([`${order.orderId}.3`]);
    expect(await product.pay(makePay(order.orderId))).toMatchObject({ value: { status: "paid", delivered: true } });
  });

  it("does nothing where no product is", async () => {
    const product = productStub(makeProductId());
    await product.acknowledge(["nothing.1"]);
    await product.park(["nothing.1"]);
    expect(await product.document()).toBeNull();
  });
});

describe("park", () => {
  it("F7 stops the sending of an event, and of no other; it stays pending until it is acknowledged", async () => {
    const { id, product } = await makeProduct(3);
    const order = await holdOne(product);
    await queue.untilSent(id, 2);
    await product.park([`${order.orderId}.1`]);
    const before = queue.sentFor(id).length;
    vi.setSystemTime(Date.now() + 5000);
    await runAlarm(id);
    expect(eventIds(queue.sentFor(id).slice(before))).toEqual([`${id}.1.1`]);
    expect(await product.order(order.orderId)).toMatchObject({ delivered: false });
    expect(await product.document()).toMatchObject({ outbox: { pending: 2 } });
    await product.acknowledge([`${order.orderId}.1`]);
    expect(await product.order(order.orderId)).toMatchObject({ delivered: true });
  });

  it("does not wake the object for what is parked", async () => {
    const { id, product } = await makeProduct(3);
    await product.act("close", CAUSE);
    await product.park(eventIds(await outboxOf(id)));
    const parkedAt = Date.now();
    vi.setSystemTime(parkedAt + 5000);
    await runAlarm(id);
    // Only for tidying up, in two days.
    expect(await alarmOf(id)).toBe(parkedAt + RETENTION_MS);
  });
});
