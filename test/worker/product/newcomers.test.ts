/** The cap, the replay and the rules against hoarders hold for whoever has orders, while the object still learns who has. */
import { describe, expect, it, vi } from "vitest";
import { LEARNED_AT_ONCE } from "../../../durable-objects/product/newcomers.ts";
import { makeOrderId, ORDER_ID_BYTES } from "../../../durable-objects/product/order-id.ts";
import { letLeave, makeScene, rowByEvents } from "../../support/worker/archive.ts";
import {
  breakStatement,
  evictProduct,
  HOARDING_OFF,
  holdOne,
  inProduct,
  makeCancel,
  makeHold,
  makePay,
  makeProduct,
  recordQueue,
  type TestedProduct,
  useMovableClock,
} from "../../support/worker/products.ts";

const queue = recordQueue();
useMovableClock();

async function codeOf(product: TestedProduct, changes: Parameters<typeof makeHold>[0]): Promise<string> {
  const answer = await product.hold(makeHold(changes));
  return answer.ok ? (answer.value.replayed ? "replayed" : "held") : answer.refusal.code;
}

/** So many paid orders of buyers `many-0` and on, past the object's rules; its memory is gone afterwards. */
async function fill(id: string, orders: number): Promise<void> {
  await inProduct(id, (_instance, { storage }) => {
    const now = Date.now();
    storage.transactionSync(() => {
      for (let index = 0; index < orders; index++) {
        storage.sql.exec(
          `INSERT INTO orders (order_id, round, jti, buyer_id, quantity, status, version, payment_id, hold_expires_at,
             created_at, updated_at, request_id, traceparent, client) VALUES (?, 1, ?, ?, 1, 'paid', 2, ?, ?, ?, ?, '', '', NULL)`,
          makeOrderId(now + index, crypto.getRandomValues(new Uint8Array(ORDER_ID_BYTES))),
          `many-token-${index}`,
          `many-${index}`,
          `pay-${index}`,
          now,
          now,
          now,
        );
      }
      storage.sql.exec("UPDATE rounds SET available = available - ?1, paid = ?1, paid_orders = ?1", orders);
    });
  });
  await evictProduct(id);
}

/** How often the next newcomer's hold asks what he did before. */
function looksOfNewcomer(id: string): Promise<number> {
  return inProduct(id, async (instance, { storage }) => {
    const asked = vi.spyOn(storage.sql, "exec");
    expect(await instance.hold(makeHold())).toMatchObject({ ok: true });
    const looks = asked.mock.calls.filter(([query]) => query.includes("AS prior")).length;
    asked.mockRestore();
    return looks;
  });
}

describe("an object that begins with many orders", () => {
  it("T1 F1 refuses and replays at every step of learning whose they are, and then reads nothing for newcomers", async () => {
    const orders = 2 * LEARNED_AT_ONCE + 100;
    const { id, product } = await makeProduct(orders + 50, { perBuyerLimit: 1 });
    await fill(id, orders);
    const looks: number[] = [];
    for (let step = 0; step < 4; step++) {
      for (const index of [0, LEARNED_AT_ONCE + 5, orders - 1]) {
        expect(await codeOf(product, { buyerId: `many-${index}` })).toBe("buyer-limit");
        expect(await codeOf(product, { buyerId: `many-${index}`, jti: `many-token-${index}` })).toBe("replayed");
        expect(await codeOf(product, { jti: `many-token-${index}` })).toBe("token-invalid");
      }
      looks.push(await looksOfNewcomer(id));
    }
    expect(looks).toEqual([1, 1, 1, 0]);
    expect(await product.check()).toMatchObject({ differences: [] });
  });
});

describe("whoever has an order", () => {
  it.each(["as it is", "after the object was lost"])("T1 is known by token, buyer and client, %s", async (when) => {
    const { id, product } = await makeProduct(10);
    const hoarding = { ...HOARDING_OFF, openHoldsPerBuyer: 1, unpaidUnitSecondsPerClient: 10 };
    const first = { jti: "first-token", buyerId: "b-1", client: "c-1", hoarding };
    const { orderId } = await holdOne(product, first);
    expect(await codeOf(product, { hoarding })).toBe("held");
    vi.setSystemTime(Date.now() + 30_000);
    await product.cancel(makeCancel(orderId));
    if (when !== "as it is") await evictProduct(id);
    expect(await codeOf(product, first)).toBe("replayed");
    expect(await codeOf(product, { ...first, buyerId: "b-2" })).toBe("token-invalid");
    expect(await codeOf(product, { client: "c-1", hoarding })).toBe("hoarding");
    expect(await codeOf(product, { client: "c-2", buyerId: "b-1", hoarding })).toBe("held");
    expect(await codeOf(product, { client: "c-3", buyerId: "b-1", hoarding })).toBe("hold-open");
  });

  it("F3 is not known by a hold that was taken back, and may hold again", async () => {
    const { id, product } = await makeProduct(10, { perBuyerLimit: 1 });
    await holdOne(product);
    const mine = { jti: "my-token", buyerId: "b-1", client: "c-1" };
    await inProduct(id, async (instance, { storage }) => {
      const mend = breakStatement(storage.sql, (query) => query.startsWith("INSERT INTO outbox"));
      await expect(instance.hold(makeHold(mine))).rejects.toThrow("After: INSERT INTO outbox");
      mend();
    });
    expect(await codeOf(product, mine)).toBe("held");
    expect(await codeOf(product, { buyerId: "b-1" })).toBe("buyer-limit");
  });

  it("T7 is known when the order comes back that had left", async () => {
    const { id, product, expired } = await makeScene();
    await letLeave(id, product, queue);
    await evictProduct(id);
    // After this hold it is known who has orders, and his buyer has none.
    await holdOne(product);
    const { buyerId } = expired;
    const snapshot = rowByEvents(expired.orderId, queue.sentFor(id));
    await product.pay(makePay(expired.orderId, { snapshot }));
    expect(await codeOf(product, { buyerId, quantity: 2 })).toBe("buyer-limit");
  });
});
