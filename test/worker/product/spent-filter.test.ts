import { describe, expect, it } from "vitest";
import {
  addSpent,
  filterCapacity,
  makeSpentFilter,
  mayBeSpent,
} from "../../../durable-objects/product/spent-filter.ts";
import { makeJti as makeTokenId } from "../../../src/token/purchase-token.ts";
import {
  evictProduct,
  makeCancel,
  makeConfigure,
  makeHold,
  makeJti,
  makeProduct,
  recordQueue,
} from "../../support/worker/products.ts";

recordQueue();

/** Enough for a rate of 1 % to be measured to a tenth of it. */
const SAMPLES = 20_000;

function makeJtis(count: number): readonly string[] {
  return Array.from({ length: count }, makeJti);
}

function makeJtiOfOneMoment(): string {
  return makeTokenId(1_795_316_038_000, crypto.getRandomValues(new Uint8Array(10)));
}

describe("mayBeSpent", () => {
  it("has no false negative, however full the filter is", () => {
    for (const orders of [1, 100, 1000]) {
      const filter = makeSpentFilter(orders);
      const spent = makeJtis(orders * 3);
      for (const jti of spent) addSpent(filter, jti);
      expect(spent.filter((jti) => !mayBeSpent(filter, jti))).toEqual([]);
    }
  });

  it("sets seven bits by the last 64 bits of a jti, as every version does that a filter may come from", () => {
    for (const orders of [0, 1000, 1_000_000]) {
      const filter = makeSpentFilter(orders);
      const wanted = new Uint8Array(filter.bits.length);
      for (const jti of makeJtis(50)) {
        addSpent(filter, jti);
        const words = new DataView(Uint8Array.fromBase64(jti, { alphabet: "base64url" }).buffer);
        const [first, step] = [words.getUint32(8), (words.getUint32(12) | 1) >>> 0];
        for (let probe = 0; probe < 7; probe++) {
          const bit = (first + probe * step) % (wanted.length * 8);
          wanted[bit >> 3] = (wanted[bit >> 3] ?? 0) | (1 << (bit & 7));
        }
      }
      expect(filter.bits).toEqual(wanted);
    }
  });

  it("finds a token also where its last character is spelled with unused bits", () => {
    // 22 characters are 132 bits, a jti is 128: a claim that uses the other four is odd, but must not fail the step.
    const filter = makeSpentFilter(1);
    addSpent(filter, `${"A".repeat(21)}B`);
    expect(mayBeSpent(filter, `${"A".repeat(21)}B`)).toBe(true);
  });

  it.each([0, 100, 1000, 10_000])(
    "has less than 3 in 100 false positives at the capacity of a filter made for %d",
    (orders) => {
      const filter = makeSpentFilter(orders);
      const capacity = filterCapacity(filter);
      expect(capacity).toBeGreaterThanOrEqual(orders);
      for (const jti of makeJtis(capacity)) addSpent(filter, jti);
      const falsePositives = makeJtis(SAMPLES).filter((jti) => mayBeSpent(filter, jti)).length;
      expect(falsePositives / SAMPLES).toBeLessThan(0.03);
      // A filter that finds nothing would pass the bound, too: it must be about as full as it was designed to be.
      expect(falsePositives).toBeGreaterThanOrEqual(1);
    },
  );

  it("tells tokens of the same millisecond apart", () => {
    const filter = makeSpentFilter(1000);
    const spent = Array.from({ length: 1000 }, makeJtiOfOneMoment);
    for (const jti of spent) addSpent(filter, jti);
    expect(new Set(spent.map((jti) => jti.slice(0, 8))).size).toBe(1);
    expect(spent.filter((jti) => !mayBeSpent(filter, jti))).toEqual([]);
    const falsePositives = Array.from({ length: SAMPLES }, makeJtiOfOneMoment).filter((jti) =>
      mayBeSpent(filter, jti),
    ).length;
    expect(falsePositives / SAMPLES).toBeLessThan(0.03);
  });

  it("is false of everything at first", () => {
    const filter = makeSpentFilter(10);
    expect(makeJtis(1000).filter((jti) => mayBeSpent(filter, jti))).toEqual([]);
  });

  it.each([
    "",
    "A",
    "A".repeat(21),
    "A".repeat(23),
    `${"A".repeat(21)}=`,
    `${"A".repeat(21)}+`,
    `${"A".repeat(22)}\n`,
    "é".repeat(22),
  ])("T3 takes the malformed id %j as never spent", (jti) => {
    const filter = makeSpentFilter(10);
    filter.bits.fill(255);
    addSpent(filter, jti);
    expect(mayBeSpent(filter, jti)).toBe(false);
  });
});

describe("makeSpentFilter", () => {
  it("stays within 64 KiB, and then takes any number of orders", () => {
    const filter = makeSpentFilter(1_000_000_000);
    expect(filter.bits.length).toBe(65_536);
    expect(filterCapacity(filter)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("view", () => {
  it("tells the spent tokens only while nothing is available", async () => {
    const { product } = await makeProduct(2);
    const first = makeHold();
    await product.hold(first);
    expect(await product.view()).toMatchObject({ available: 1, spent: null });
    const second = makeHold();
    await product.hold(second);
    const spent = (await product.view())?.spent;
    if (spent == null) throw new Error("There is no filter");
    expect([mayBeSpent(spent, first.jti), mayBeSpent(spent, second.jti)]).toEqual([true, true]);
    expect(mayBeSpent(spent, makeJti())).toBe(false);
  });

  it("keeps up with tokens that are spent after the filter was built, also beyond its capacity", async () => {
    const { product } = await makeProduct(1);
    const spentBefore: string[] = [];
    // The smallest filter takes 102 orders: the unit is held and given back more often than that.
    for (let orders = 0; orders < 120; orders++) {
      const command = makeHold();
      const answer = await product.hold(command);
      if (!answer.ok) throw new Error(answer.refusal.code);
      spentBefore.push(command.jti);
      const spent = (await product.view())?.spent;
      if (spent == null) throw new Error("There is no filter");
      expect(spentBefore.filter((jti) => !mayBeSpent(spent, jti))).toEqual([]);
      const { orderId, buyerId } = answer.value.order;
      await product.cancel(makeCancel(orderId, { buyerId }));
    }
  });

  it("F1 has the same spent tokens after the object was lost, and those of its round only", async () => {
    const { id, product } = await makeProduct(1);
    const command = makeHold();
    await product.hold(command);
    await product.view();
    await evictProduct(id);
    const spent = (await product.view())?.spent;
    expect(spent != null && mayBeSpent(spent, command.jti)).toBe(true);
    await product.act("close", command.cause);
    await product.configure(makeConfigure(id, { stock: 0 }));
    const ofNextRound = (await product.view())?.spent;
    expect(ofNextRound != null && mayBeSpent(ofNextRound, command.jti)).toBe(false);
  });
});
