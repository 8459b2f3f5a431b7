/** F1, F2, F4: the object is lost between two steps, or in the middle of one; nothing that was confirmed is. */
import { abortAllDurableObjects } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import type { HoldCommand, ProductDocument } from "../../../durable-objects/product/protocol.ts";
import { acknowledgeAll } from "../../support/worker/archive.ts";
import {
  alarmOf,
  CAUSE,
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
  productStub,
  recordQueue,
  useMovableClock,
} from "../../support/worker/products.ts";

recordQueue();
useMovableClock();

type Lose = (id: string) => Promise<unknown>;

/** Every kind of step, with a loss of the object after each. */
async function runThrough(
  lose: Lose,
): Promise<{ readonly documents: readonly unknown[]; readonly types: readonly string[] }> {
  const start = Date.now();
  const { id } = await makeProduct(6);
  // Whoever's object was reset needs a new stub (F8).
  const product = () => productStub(id);
  const documents: unknown[] = [];
  const after = async () => {
    await lose(id);
    const document = (await product().document()) as ProductDocument;
    const { id: _id, opensAt: _opensAt, closesAt: _closesAt, outbox, ...rest } = document;
    documents.push({ ...rest, pending: outbox.pending });
    expect(await product().check()).toMatchObject({ differences: [] });
  };
  await after();
  const lapsing = await holdOne(product());
  await after();
  vi.setSystemTime(lapsing.holdExpiresAt);
  await after();
  const paid = await holdOne(product(), { quantity: 2 });
  await product().pay(makePay(paid.orderId));
  await after();
  const cancelled = await holdOne(product());
  await product().cancel(makeCancel(cancelled.orderId, { callback: makeCallback() }));
  await after();
  await product().changeStock(3, CAUSE);
  await product().act("pause", CAUSE);
  await after();
  await product().pay(makePay(lapsing.orderId));
  await after();
  await product().act("close", CAUSE);
  await after();
  await product().pay(makePay(cancelled.orderId));
  await product().configure(makeConfigure(id, { stock: 2 }));
  await after();
  const types = (await outboxOf(id)).map(({ type }) => type);
  vi.setSystemTime(start);
  return { documents, types };
}

describe("a product object that is lost after every step", () => {
  it.each<[string, Lose]>([
    ["evicted", evictProduct],
    ["aborted", () => abortAllDurableObjects()],
  ])("F1 %s, ends as one that never was", async (_name, lose) => {
    const undisturbed = await runThrough(async () => undefined);
    expect(undisturbed.types).toHaveLength(12);
    expect(await runThrough(lose)).toEqual(undisturbed);
  });

  it("F2 finds the order of a token whose answer was lost", async () => {
    const { id, product } = await makeProduct(3);
    const command = makeHold();
    const order = await holdOne(product, command);
    await evictProduct(id);
    expect(await product.hold(command)).toEqual({ ok: true, value: { order, replayed: true } });
    expect(await product.document()).toMatchObject({ held: 1 });
  });

  it("T7 still counts the buyer's units", async () => {
    const { id, product } = await makeProduct(3, { perBuyerLimit: 1 });
    await holdOne(product, { buyerId: "b-1" });
    await evictProduct(id);
    expect(await product.hold(makeHold({ buyerId: "b-1" }))).toMatchObject({ refusal: { code: "buyer-limit" } });
  });

  it("keeps the gate of its round", async () => {
    const { id, product } = await makeProduct(3);
    const gate = (await product.view())?.gate;
    await evictProduct(id);
    expect((await product.view())?.gate).toBe(gate);
  });
});

describe("a product object that is lost in the middle of a rush", () => {
  it("F1 has every hold that was confirmed, once, and not one unit more", async () => {
    const { id } = await makeProduct(200);
    const commands: HoldCommand[] = Array.from({ length: 400 }, () => makeHold());
    const confirmed = new Map<string, string>();
    const rush = Promise.allSettled(
      commands.map(async (command) => {
        const answer = await productStub(id).hold(command);
        if (answer.ok) confirmed.set(command.jti, answer.value.order.orderId);
      }),
    );
    await vi.waitUntil(() => confirmed.size >= 20, { interval: 1 });
    await abortAllDurableObjects();
    await rush;
    const before = new Map(confirmed);
    const found = new Map<string, string>();
    // The buyers whose answer was lost ask again with their tokens; the others do, too.
    for (const command of commands) {
      const answer = await productStub(id).hold(command);
      if (answer.ok && answer.value.replayed) found.set(command.jti, answer.value.order.orderId);
    }
    expect(Object.fromEntries(found)).toMatchObject(Object.fromEntries(before));
    expect(await productStub(id).document()).toMatchObject({ available: 0, held: 200 });
    expect(await productStub(id).check()).toMatchObject({ differences: [] });
    const held = (await outboxOf(id)).filter(({ type }) => type === "order.held");
    expect(held).toHaveLength(200);
    for (const orderId of before.values()) expect(held.some((event) => event.eventId === `${orderId}.1`)).toBe(true);
  });
});

describe("the constructor", () => {
  it("F4 sets a lost alarm anew when something is pending", async () => {
    const { id, product } = await makeProduct(3);
    const { holdExpiresAt } = await holdOne(product);
    const resendAt = Date.now() + 5000;
    expect(await alarmOf(id)).toBe(resendAt);
    for (const expected of [resendAt, holdExpiresAt]) {
      await inProduct(id, (_instance, { storage }) => storage.deleteAlarm());
      await evictProduct(id);
      expect(await alarmOf(id)).toBe(expected);
      await acknowledgeAll(id, product);
    }
  });

  it("stores nothing and sets no alarm where no product is", async () => {
    const id = `nothing-${crypto.randomUUID()}`;
    await productStub(id).document();
    expect(await alarmOf(id)).toBeNull();
  });
});
