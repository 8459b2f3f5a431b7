/** F3: a fault between two writes rolls the whole step back, a fault after the commit does not repeat it. */
import { describe, expect, it, vi } from "vitest";
import type { OrderView } from "../../../durable-objects/product/protocol.ts";
import {
  breakStatement,
  CAUSE,
  dump,
  holdOne,
  inProduct,
  makeCallback,
  makeCancel,
  makeConfigure,
  makeHold,
  makePay,
  makeProduct,
  makeProductId,
  outboxOf,
  productStub,
  recordQueue,
  useMovableClock,
  type ProductInside,
  type TestedProduct,
} from "../../support/worker/products.ts";

recordQueue();
useMovableClock();

/** Beyond any step's number of statements: a loop that never ends is a failure, not a hang. */
const STATEMENTS_MAX = 200;

interface Scene {
  readonly id: string;
  readonly product: TestedProduct;
  /** Held, and over after a minute. */
  readonly held: OrderView;
  readonly cancelled: OrderView;
}

async function makeScene(): Promise<Scene> {
  const { id, product } = await makeProduct(10);
  const cancelled = await holdOne(product);
  await product.cancel(makeCancel(cancelled.orderId));
  return { id, product, held: await holdOne(product), cancelled };
}

type Step = (instance: ProductInside, scene: Scene) => Promise<unknown>;

const STEPS: readonly (readonly [string, Step])[] = [
  ["hold", (instance) => instance.hold(makeHold({ quantity: 2 }))],
  ["pay", (instance, { held }) => instance.pay(makePay(held.orderId))],
  ["pay, too late", (instance, { cancelled }) => instance.pay(makePay(cancelled.orderId))],
  ["cancel", (instance, { held }) => instance.cancel(makeCancel(held.orderId, { callback: makeCallback() }))],
  ["close", (instance) => instance.act("close", CAUSE)],
  ["pause", (instance) => instance.act("pause", CAUSE)],
  ["changeStock", (instance) => instance.changeStock(-4, CAUSE)],
  ["acknowledge", (instance, { held }) => instance.acknowledge([`${held.orderId}.1`])],
  ["park", (instance, { held }) => instance.park([`${held.orderId}.1`])],
];

/** A step that comes through and does nothing would prove nothing. */
function assertChanged(before: object, after: object): void {
  expect(after).not.toEqual(before);
}

/** Breaks the step after each of its statements in turn, and returns after which the step came through all the same. */
async function breakEverywhere(scene: Scene, step: Step): Promise<number> {
  return inProduct(scene.id, async (instance, { storage }) => {
    const before = dump(storage.sql);
    for (let statement = 1; statement < STATEMENTS_MAX; statement++) {
      const mend = breakStatement(storage.sql, statement);
      const failed = await step(instance, scene).then(
        () => false,
        () => true,
      );
      mend();
      const after = dump(storage.sql);
      if (!failed) {
        assertChanged(before, after);
        return statement;
      }
      expect(after, `after statement ${statement}`).toEqual(before);
    }
    throw new Error("The step never came through");
  });
}

describe("a fault after any statement", () => {
  it.each(STEPS)("F3 rolls %s back whole", async (_name, step) => {
    const scene = await makeScene();
    // The last one that was broken came after the commit, or never: at least one write was undone before.
    expect(await breakEverywhere(scene, step)).toBeGreaterThan(2);
    expect(await scene.product.check()).toMatchObject({ differences: [] });
  });

  it.each(STEPS.filter(([name]) => name !== "acknowledge" && name !== "park"))(
    "F3 rolls %s back whole, with the end of a hold before it in the same transaction",
    async (_name, step) => {
      const scene = await makeScene();
      vi.setSystemTime(scene.held.holdExpiresAt);
      await breakEverywhere(scene, step);
      expect(await scene.product.check()).toMatchObject({ differences: [] });
      expect(await scene.product.order(scene.held.orderId)).not.toMatchObject({ status: "held" });
    },
  );

  it("F3 rolls the making of a product back, its tables too", async () => {
    const id = makeProductId();
    const statements = await inProduct(id, async (instance, { storage }) => {
      for (let statement = 1; statement < STATEMENTS_MAX; statement++) {
        const mend = breakStatement(storage.sql, statement);
        const made = await instance.configure(makeConfigure(id)).catch(() => null);
        mend();
        if (made !== null) return statement;
        expect(dump(storage.sql), `after statement ${statement}`).toEqual({});
      }
      throw new Error("The product was never made");
    });
    expect(statements).toBeGreaterThan(5);
    // The last fault came after the commit, before the object knew of its tables: the next step must find them.
    expect(await productStub(id).hold(makeHold())).toMatchObject({ ok: true });
    expect(await productStub(id).document()).toMatchObject({ round: 1, version: 1, held: 1, outbox: { pending: 2 } });
  });

  it("F3 rolls the beginning of the next round back", async () => {
    const scene = await makeScene();
    await scene.product.act("close", CAUSE);
    await breakEverywhere(scene, (instance, { id }) => instance.configure(makeConfigure(id)));
    expect(await scene.product.document()).toMatchObject({ round: 2, available: 10 });
  });

  it("F3 rolls the end of holds back when only a read asked for it", async () => {
    const scene = await makeScene();
    vi.setSystemTime(scene.held.holdExpiresAt);
    await breakEverywhere(scene, (instance) => instance.document());
    expect(await scene.product.document()).toMatchObject({ held: 0, available: 10 });
  });

  it("F3 applies a step once where the fault comes after its commit", async () => {
    // The statements of a stock change and of what follows it, counted on a product that is not broken.
    const { id } = await makeProduct(10);
    const statements = await inProduct(id, async (instance, { storage }) => {
      const mend = breakStatement(storage.sql, 0);
      await instance.changeStock(5, CAUSE);
      return mend();
    });
    const allocated = [];
    for (let statement = 1; statement <= statements; statement++) {
      const broken = await makeProduct(10);
      const answered = await inProduct(broken.id, async (instance, { storage }) => {
        const mend = breakStatement(storage.sql, statement);
        const answer = await instance.changeStock(5, CAUSE).catch(() => null);
        mend();
        return answer !== null;
      });
      const document = await broken.product.document();
      allocated.push(document?.allocated);
      expect(document?.allocated, `after statement ${statement} of ${statements}`).toBe(answered ? 15 : 10);
    }
    expect(new Set(allocated)).toEqual(new Set([10, 15]));
  });
});

describe("a command that cannot be applied", () => {
  it("F7 fails alone in its batch", async () => {
    const { id, product } = await makeProduct(10);
    const outcomes = await inProduct(id, async (instance) => {
      // The first is committed at once, alone; the others are gathered meanwhile.
      const commands = [1, 1, Number.NaN, 1, 0, 1].map((quantity) => instance.hold(makeHold({ quantity })));
      return (await Promise.allSettled(commands)).map(({ status }) => status);
    });
    expect(outcomes).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"]);
    expect(await product.document()).toMatchObject({ available: 6, held: 4, orders: { held: 4 } });
    expect(await product.check()).toMatchObject({ differences: [] });
    expect((await outboxOf(id)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
  });
});

/** Three that are gathered while a fourth is committed, a fault after one statement of their batch. */
async function holdThree(broken: number) {
  const { id, product } = await makeProduct(10);
  await holdOne(product);
  const told = await inProduct(id, async (instance, { storage }) => {
    const savepoints = vi.spyOn(storage, "transactionSync");
    const first = instance.hold(makeHold());
    const mend = breakStatement(storage.sql, broken);
    const holds = [instance.hold(makeHold()), instance.hold(makeHold()), instance.hold(makeHold())];
    const outcomes = await Promise.allSettled([first, ...holds]);
    const counted = { statements: mend(), savepoints: savepoints.mock.calls.length };
    savepoints.mockRestore();
    return { ...counted, outcomes: outcomes.map(({ status }) => status) };
  });
  return { ...told, id, product };
}

describe("holds, which are written without a savepoint", () => {
  it("F3 are taken back together after a fault, and then each is applied alone", async () => {
    const whole = await holdThree(0);
    expect(whole.savepoints).toBe(0);
    expect(whole.statements).toBeGreaterThan(3 * 2);
    for (let broken = 1; broken <= whole.statements; broken++) {
      const { id, product, outcomes, savepoints } = await holdThree(broken);
      expect(outcomes, `after statement ${broken}`).toEqual(Array(4).fill("fulfilled"));
      // The first one's, since nothing is known then of what was before.
      expect(savepoints, `after statement ${broken}`).toBe(1);
      expect(await product.document()).toMatchObject({ available: 5, held: 5, orders: { held: 5 } });
      expect(await product.check()).toMatchObject({ differences: [] });
      expect((await outboxOf(id)).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    }
  });

  it("F3 end with the object where they cannot be taken back, and nothing of them is committed", async () => {
    const { id, product } = await makeProduct(10);
    await holdOne(product);
    const before = await inProduct(id, (_instance, { storage }) => dump(storage.sql));
    const held = inProduct(id, async (instance, { storage }) => {
      breakStatement(
        storage.sql,
        (query) => query.startsWith("UPDATE rounds") || query.startsWith("DELETE FROM orders"),
      );
      await instance.hold(makeHold());
    });
    await expect(held).rejects.toThrow("could not be taken back");
    expect(await inProduct(id, (_instance, { storage }) => dump(storage.sql))).toEqual(before);
    expect(await productStub(id).check()).toMatchObject({ differences: [] });
    expect(await productStub(id).hold(makeHold())).toMatchObject({ ok: true });
  });
});

/** An order that claims more units than the book says are held. */
async function makeBroken() {
  const { id, product } = await makeProduct(10);
  const order = await holdOne(product);
  await inProduct(id, (_instance, { storage }) => storage.sql.exec("UPDATE orders SET quantity = 5"));
  return { id, product, order };
}

describe("a stock book that does not balance", () => {
  it("is found by check()", async () => {
    const { product } = await makeBroken();
    expect(await product.check()).toMatchObject({ differences: ["1 units held in the book, 5 in the orders"] });
  });

  it("T1 stops the step with a fault of its own kind, and nothing is written", async () => {
    const { id, order } = await makeBroken();
    await inProduct(id, async (instance, { storage }) => {
      const before = dump(storage.sql);
      for (const step of [instance.pay(makePay(order.orderId)), instance.cancel(makeCancel(order.orderId))]) {
        await expect(step).rejects.toMatchObject({ name: "LedgerBrokenError", code: "ledger-broken", round: 1 });
      }
      expect(dump(storage.sql)).toEqual(before);
    });
  });

  it("T1 closes the door: once such a hold is over, no step comes through", async () => {
    const { id, order } = await makeBroken();
    vi.setSystemTime(order.holdExpiresAt);
    await inProduct(id, async (instance, { storage }) => {
      const before = dump(storage.sql);
      await expect(instance.hold(makeHold())).rejects.toMatchObject({ code: "ledger-broken" });
      await expect(instance.document()).rejects.toMatchObject({ code: "ledger-broken" });
      expect(dump(storage.sql)).toEqual(before);
    });
  });

  it("cannot even be stored", async () => {
    const { id } = await makeProduct(10);
    await inProduct(id, (_instance, { storage }) => {
      expect(() => storage.sql.exec("UPDATE rounds SET available = available - 1")).toThrow(/CHECK/);
      expect(() => storage.sql.exec("UPDATE rounds SET available = -1, held = 11")).toThrow(/CHECK/);
    });
  });
});
