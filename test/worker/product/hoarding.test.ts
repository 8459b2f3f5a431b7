import { describe, expect, it, vi } from "vitest";
import type { HoardingRules, HoldAnswer, HoldCommand } from "../../../durable-objects/product/protocol.ts";
import {
  evictProduct,
  HOARDING_OFF,
  holdOne,
  inProduct,
  makeCancel,
  makeHold,
  makePay,
  makeProduct,
  recordQueue,
  useMovableClock,
  type TestedProduct,
} from "../../support/worker/products.ts";

recordQueue();
useMovableClock();

const DAY_MS = 24 * 3600 * 1000;
const HOLD_MS = 60_000;

function rules(changes: Partial<HoardingRules>): { readonly hoarding: HoardingRules } {
  return { hoarding: { ...HOARDING_OFF, ...changes } };
}

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

/** A product whose round outlasts the sliding day. */
function makeLongProduct(perBuyerLimit = 100) {
  return makeProduct(1000, { perBuyerLimit, holdSeconds: HOLD_MS / 1000, closesAt: Date.now() + 10 * DAY_MS });
}

/** A hold that expires unpaid. */
async function lapse(product: TestedProduct, changes: Partial<HoldCommand>): Promise<void> {
  await holdOne(product, changes);
  pass(HOLD_MS);
}

function codeOf(answer: HoldAnswer): string {
  return answer.ok ? "held" : answer.refusal.code;
}

/** The wait that a refusal for hoarding tells, in milliseconds. */
function waitOf(answer: HoldAnswer): number {
  if (answer.ok || answer.refusal.code !== "hoarding") throw new Error(`It was ${codeOf(answer)}, not hoarding`);
  return answer.refusal.retryAfterSeconds * 1000;
}

describe("open holds", () => {
  const one = rules({ openHoldsPerBuyer: 1 });

  it("T22 one hold of 50 tokens of one buyer at once; the others are told which", async () => {
    const { id, product } = await makeProduct(100, { perBuyerLimit: 100 });
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => product.hold(makeHold({ buyerId: "b-1", ...one }))),
    );
    const [held] = answers.filter((answer) => answer.ok).map((answer) => answer.value.order.orderId);
    const refusal = { code: "hold-open", productId: id, orderId: held, retryAfterSeconds: 60 };
    expect(answers.filter((answer) => !answer.ok)).toEqual(Array.from({ length: 49 }, () => ({ ok: false, refusal })));
    expect(await product.document()).toMatchObject({ held: 1, orders: { held: 1 } });
  });

  it("T22 the same token finds its order, also while it is the open one", async () => {
    const { product } = await makeProduct(100);
    const command = makeHold({ buyerId: "b-1", ...one });
    const { orderId } = await holdOne(product, command);
    expect(await product.hold(command)).toMatchObject({ value: { replayed: true, order: { orderId } } });
  });

  it("T8 another may begin the moment the first has ended, however it ended", async () => {
    const { product } = await makeProduct(100, { perBuyerLimit: 100 });
    const hold = () => product.hold(makeHold({ buyerId: "b-1", ...one }));
    const ends: readonly ((orderId: string) => unknown)[] = [
      (orderId) => product.pay(makePay(orderId)),
      (orderId) => product.cancel(makeCancel(orderId)),
      () => pass(HOLD_MS),
    ];
    for (const end of ends) {
      const answer = await hold();
      if (!answer.ok) throw new Error(answer.refusal.code);
      expect(codeOf(await hold())).toBe("hold-open");
      await end(answer.value.order.orderId);
    }
    expect(codeOf(await hold())).toBe("held");
  });

  it("T8 keeps nobody else out", async () => {
    const { product } = await makeProduct(100);
    await holdOne(product, { buyerId: "b-1", ...one });
    expect(codeOf(await product.hold(makeHold({ buyerId: "b-2", ...one })))).toBe("held");
  });

  it("T8 a buyer's own stale hold never blocks him, also while more have ended than one batch releases", async () => {
    const { id, product } = await makeProduct(2000, { perBuyerLimit: 1 });
    const stale = makeHold({ buyerId: "b-1", ...one });
    await inProduct(id, (instance) =>
      Promise.all([...Array.from({ length: 1200 }, () => makeHold()), stale].map((each) => instance.hold(each))),
    );
    pass(HOLD_MS);
    expect(codeOf(await product.hold(makeHold({ buyerId: "b-1", ...one })))).toBe("held");
    expect(await product.check()).toMatchObject({ differences: [] });
  });

  it("T8 nothing that its buyer does makes a hold last longer", async () => {
    const { product } = await makeProduct(100);
    const command = makeHold({ buyerId: "b-1", ...one });
    const { holdExpiresAt } = await holdOne(product, command);
    pass(HOLD_MS - 1);
    expect(await product.hold(command)).toMatchObject({ value: { order: { status: "held", holdExpiresAt } } });
    await product.hold(makeHold({ buyerId: "b-1", ...one }));
    pass(1);
    expect(await product.hold(command)).toMatchObject({ value: { order: { status: "expired" } } });
  });
});

describe("the budget of unpaid seconds", () => {
  const perBuyer = rules({ unpaidUnitSecondsPerBuyer: 180 });
  const perClient = rules({ unpaidUnitSecondsPerClient: 180 });

  it("T8 counts seconds times units per buyer, and gives them back when they leave the day", async () => {
    const { id, product } = await makeLongProduct();
    const hold = (quantity = 1) => product.hold(makeHold({ buyerId: "b-1", quantity, ...perBuyer }));
    await lapse(product, { buyerId: "b-1", quantity: 2, ...perBuyer });
    const firstEnded = Date.now();
    await lapse(product, { buyerId: "b-1", ...perBuyer });
    const wait = waitOf(await hold());
    expect(Date.now() + wait).toBe(firstEnded + DAY_MS);
    expect(codeOf(await product.hold(makeHold({ buyerId: "b-2", ...perBuyer })))).toBe("held");
    await evictProduct(id);
    pass(wait - 1);
    expect(codeOf(await hold())).toBe("hoarding");
    pass(1);
    expect(codeOf(await hold())).toBe("held");
  });

  it("T8 a cancelled hold counts until its cancellation, and at least ten seconds", async () => {
    const { product } = await makeLongProduct();
    const cancelAfter = async (ms: number) => {
      const { orderId } = await holdOne(product, { buyerId: "b-1", ...perBuyer });
      pass(ms);
      await product.cancel(makeCancel(orderId, { buyerId: "b-1" }));
    };
    await cancelAfter(59_000);
    await cancelAfter(59_000);
    await cancelAfter(51_999);
    await cancelAfter(1);
    // A millisecond below 180 seconds.
    await cancelAfter(1);
    expect(codeOf(await product.hold(makeHold({ buyerId: "b-1", ...perBuyer })))).toBe("hoarding");
  });

  it("T8 holding and giving up at once uses the budget up as well", async () => {
    const { product } = await makeLongProduct();
    const codes: string[] = [];
    for (let round = 0; round < 20; round++) {
      const answer = await product.hold(makeHold({ buyerId: "b-1", ...perBuyer }));
      codes.push(codeOf(answer));
      if (answer.ok) await product.cancel(makeCancel(answer.value.order.orderId));
    }
    expect(codes).toEqual([...Array(18).fill("held"), "hoarding", "hoarding"]);
  });

  it("T8 what was paid never counts, also when it was paid late", async () => {
    const { product } = await makeLongProduct();
    for (let round = 0; round < 5; round++) {
      const { orderId } = await holdOne(product, { buyerId: "b-1", ...perBuyer });
      pass(round % 2 === 0 ? HOLD_MS : HOLD_MS - 1);
      await product.pay(makePay(orderId));
    }
    expect(codeOf(await product.hold(makeHold({ buyerId: "b-1", ...perBuyer })))).toBe("held");
  });

  it("T8 running holds are bounded by the cap alone", async () => {
    const { product } = await makeLongProduct(5);
    const codes: string[] = [];
    for (let each = 0; each < 6; each++) {
      codes.push(codeOf(await product.hold(makeHold({ buyerId: "b-1", ...perBuyer }))));
    }
    expect(codes).toEqual([...Array(5).fill("held"), "buyer-limit"]);
  });

  it("T8 counts the buyers of one client together, and of no other", async () => {
    const { product } = await makeLongProduct();
    for (const buyerId of ["b-1", "b-2", "b-3"]) await lapse(product, { buyerId, client: "c-1", ...perClient });
    expect(waitOf(await product.hold(makeHold({ client: "c-1", ...perClient })))).toBe(DAY_MS - 2 * HOLD_MS);
    expect(codeOf(await product.hold(makeHold({ client: "c-2", ...perClient })))).toBe("held");
    expect(codeOf(await product.hold(makeHold({ client: null, ...perClient })))).toBe("held");
  });
});

describe("the pause after lapses", () => {
  const pause = rules({ lapses: 3, cooldownSeconds: 300 });
  const mine = { buyerId: "b-1", ...pause };

  it("T8 begins with the last of so many lapses in a row, and each further one begins it again", async () => {
    const { product } = await makeLongProduct();
    for (let each = 0; each < 3; each++) await lapse(product, mine);
    pass(1000);
    const wait = waitOf(await product.hold(makeHold(mine)));
    expect(wait).toBe(299_000);
    expect(codeOf(await product.hold(makeHold({ ...pause, buyerId: "b-2" })))).toBe("held");
    pass(wait - 1);
    expect(codeOf(await product.hold(makeHold(mine)))).toBe("hoarding");
    pass(1);
    await lapse(product, mine);
    expect(waitOf(await product.hold(makeHold(mine)))).toBe(300_000);
  });

  it("T8 counts a lapse the moment it happens, also while more have ended than one batch releases", async () => {
    const { id, product } = await makeProduct(2000, { perBuyerLimit: 3 });
    const three = Array.from({ length: 3 }, () => makeHold(mine));
    await inProduct(id, (instance) =>
      Promise.all([...Array.from({ length: 1200 }, () => makeHold()), ...three].map((each) => instance.hold(each))),
    );
    pass(HOLD_MS);
    expect(waitOf(await product.hold(makeHold(mine)))).toBe(300_000);
    expect(await product.check()).toMatchObject({ differences: [] });
  });

  it("T8 a payment breaks the row, a cancellation does not", async () => {
    const { product } = await makeLongProduct();
    await lapse(product, mine);
    await lapse(product, mine);
    const { orderId } = await holdOne(product, mine);
    pass(1);
    await product.pay(makePay(orderId));
    await lapse(product, mine);
    await lapse(product, mine);
    await product.cancel(makeCancel((await holdOne(product, mine)).orderId));
    await lapse(product, mine);
    expect(codeOf(await product.hold(makeHold(mine)))).toBe("hoarding");
  });
});

describe("tables of an earlier version", () => {
  it("F1 get what they lack when the object begins, and lose nothing", async () => {
    const { id, product } = await makeProduct(10);
    const { orderId } = await holdOne(product, { buyerId: "b-1" });
    await inProduct(id, (_instance, { storage }) => {
      storage.sql.exec("DROP INDEX orders_unpaid_client; DROP INDEX orders_unpaid_buyer");
      storage.sql.exec("ALTER TABLE orders DROP COLUMN client");
      storage.sql.exec("DROP INDEX orders_held_buyer; DROP INDEX orders_paid_buyer");
      storage.sql.exec("CREATE INDEX orders_buyer ON orders (buyer_id, round) WHERE status IN ('held', 'paid')");
    });
    await evictProduct(id);
    expect(await product.order(orderId)).toMatchObject({ status: "held" });
    const indexes = await inProduct(id, (_instance, { storage }) =>
      storage.sql
        .exec<{ name: string }>(
          "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'orders%buyer' ORDER BY name",
        )
        .toArray()
        .map(({ name }) => name),
    );
    expect(indexes).toEqual(["orders_held_buyer", "orders_paid_buyer", "orders_unpaid_buyer"]);
    const used = rules({ unpaidUnitSecondsPerClient: 60, unpaidUnitSecondsPerBuyer: 1000 });
    await lapse(product, { client: "c-1", ...used });
    expect(codeOf(await product.hold(makeHold({ client: "c-1", ...used })))).toBe("hoarding");
  });

  it("ask an index for what they count", async () => {
    const { id } = await makeProduct(10);
    const plans = await inProduct(id, (_instance, { storage }) =>
      ["buyer_id", "client"].map((by) =>
        storage.sql
          .exec<{ detail: string }>(
            `EXPLAIN QUERY PLAN SELECT SUM(quantity) FROM orders WHERE ${by} = 'x' AND status IN ('expired', 'cancelled') AND updated_at > 5`,
          )
          .one(),
      ),
    );
    expect(plans[0]?.detail).toContain("orders_unpaid_buyer (buyer_id=? AND updated_at>?)");
    expect(plans[1]?.detail).toContain("orders_unpaid_client (client=? AND updated_at>?)");
  });
});
