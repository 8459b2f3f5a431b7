import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideBatch, type OrderRow, type ProductRow, type Rows } from "../../../src/origin/writer/decide-batch.ts";
import { orderEvent, playHistory, stockEvent } from "./event-fixtures.ts";
import { choices, historySteps, shuffle } from "./history-arbitrary.ts";

const ROW: ProductRow = {
  id: "lamp",
  round: 1,
  claimedRound: 1,
  title: "Lamp",
  allocated: 10,
  held: 0,
  paid: 0,
  withdrawn: 0,
  stock: 0,
  stockVersion: 1,
  version: 4,
};
const UNTOUCHED: ProductRow = {
  ...ROW,
  round: 0,
  claimedRound: 0,
  title: "",
  allocated: 0,
  stockVersion: 0,
  version: 0,
};
const HELD: OrderRow = { ...orderEvent({ quantity: 2 }), id: "order-1" };

function rows(fields: Partial<Rows> = {}): Rows {
  return { products: [ROW], orders: [], appliedBefore: [], ...fields };
}

describe("decideBatch", () => {
  it("moves units by what an order's row really changes", () => {
    const paid = orderEvent({ status: "paid", version: 2, quantity: 2 });
    const before = rows({ products: [{ ...ROW, held: 2 }], orders: [HELD] });
    expect(decideBatch(before, [paid]).products).toEqual([{ ...ROW, held: 0, paid: 2 }]);
  });

  it("F5: counts an event once that stands twice in the batch", () => {
    const decision = decideBatch(rows(), [orderEvent(), orderEvent()]);
    expect(decision.record).toHaveLength(1);
    expect(decision.products).toEqual([{ ...ROW, held: 1 }]);
  });

  it("F5: changes nothing for an event that was applied before", () => {
    expect(decideBatch(rows({ appliedBefore: ["order-1.1"] }), [orderEvent()])).toEqual({
      record: [],
      orders: [],
      products: [],
      notYet: [],
      impossible: [],
      contradictory: [],
    });
  });

  it("F5: records an older version of an order without applying it", () => {
    const before = rows({ orders: [{ ...HELD, version: 2, status: "cancelled" }] });
    const decision = decideBatch(before, [orderEvent({ quantity: 2 })]);
    expect(decision.record).toHaveLength(1);
    expect(decision.orders).toEqual([]);
    expect(decision.products).toEqual([]);
  });

  it("counts a late payment of an expired order as paid", () => {
    const before = rows({ orders: [{ ...HELD, version: 2, status: "expired" }] });
    const decision = decideBatch(before, [orderEvent({ status: "paid", version: 3, quantity: 2 })]);
    expect(decision.products).toEqual([{ ...ROW, paid: 2 }]);
  });

  it("counts no units for an order whose money is to be paid back", () => {
    const before = rows({ orders: [{ ...HELD, version: 2, status: "expired" }] });
    const decision = decideBatch(before, [orderEvent({ status: "refund_due", version: 3, quantity: 2 })]);
    expect(decision.orders).toHaveLength(1);
    expect(decision.products).toEqual([]);
  });

  it("puts an order off whose round is not known yet", () => {
    const early = orderEvent({ round: 2 });
    expect(decideBatch(rows(), [early])).toMatchObject({ notYet: [early], record: [] });
    expect(decideBatch(rows({ products: [] }), [orderEvent()]).notYet).toHaveLength(1);
    expect(decideBatch(rows({ products: [{ ...UNTOUCHED, round: 1 }] }), [orderEvent()]).notYet).toHaveLength(1);
  });

  it("applies a round's stock event before its orders, in whatever order they come", () => {
    const decision = decideBatch(rows({ products: [UNTOUCHED] }), [orderEvent({ seq: 2 }), stockEvent({ seq: 1 })]);
    expect(decision.record.map((event) => event.seq)).toEqual([1, 2]);
    expect(decision.products).toMatchObject([{ claimedRound: 1, allocated: 10, held: 1 }]);
  });

  it("leaves the row alone for an order of an older round", () => {
    const before = rows({ products: [{ ...ROW, round: 2, claimedRound: 2 }] });
    const decision = decideBatch(before, [orderEvent()]);
    expect(decision.orders).toHaveLength(1);
    expect(decision.products).toEqual([]);
  });

  it("takes the newest stock event, whenever it comes", () => {
    const newer = stockEvent({ version: 3, seq: 3, allocated: 20, withdrawn: 4 });
    const older = stockEvent({ version: 2, seq: 2, allocated: 15 });
    const after = decideBatch(rows(), [newer]).products;
    expect(after).toMatchObject([{ allocated: 20, withdrawn: 4, stockVersion: 3 }]);
    expect(decideBatch(rows({ products: after }), [older]).products).toEqual([]);
  });

  it("gives returned units to the origin's stock, also for a round that is over", () => {
    const closed = stockEvent({ type: "stock.closed", version: 2, withdrawn: 3, returned: 3 });
    const before = rows({ products: [{ ...ROW, round: 2, claimedRound: 2, stock: 1 }] });
    expect(decideBatch(before, [closed]).products).toEqual([{ ...ROW, round: 2, claimedRound: 2, stock: 4 }]);
  });

  it("keeps the units of a row that the origin inserted, when a round begins with stock of its own", () => {
    const inserted = { ...UNTOUCHED, round: 1, allocated: 40, paid: 1 };
    const decision = decideBatch(rows({ products: [inserted] }), [stockEvent()]);
    expect(decision.products).toMatchObject([{ claimedRound: 1, allocated: 10, paid: 0, stock: 39 }]);
  });

  it("T1: takes nothing for free from a round whose events are still on their way", () => {
    const decision = decideBatch(rows(), [stockEvent({ round: 2, version: 5 })]);
    expect(decision.products).toMatchObject([{ claimedRound: 2, held: 0, paid: 0, stock: 0 }]);
  });

  it.each([{ productId: "sofa" }, { round: 2 }, { buyerId: "buyer-2" }])(
    "F7: sets an event aside that moves an order: %j",
    (change) => {
      const sofa = { ...ROW, id: "sofa", claimedRound: 2 };
      const before = rows({ products: [{ ...ROW, claimedRound: 2 }, sofa], orders: [HELD] });
      const moved = orderEvent({ version: 2, status: "paid", quantity: 2, ...change });
      expect(decideBatch(before, [moved])).toMatchObject({
        contradictory: [moved],
        record: [],
        orders: [],
        products: [],
      });
    },
  );

  it("F5: gives the same rows for a history in one batch, in any order", () => {
    fc.assert(
      fc.property(historySteps, choices, (steps, choose) => {
        const history = playHistory("lamp", 6, steps);
        const shuffled = shuffle(history.events, choose);
        const [row] = decideBatch(rows({ products: [UNTOUCHED] }), shuffled).products;
        expect(row).toMatchObject(history.product);
      }),
    );
  });

  it("T1: applies as many orders as there is stock for, in the order of the ledger, and leaves the others for later", () => {
    const orders = [4, 2, 3, 5].map((seq) => orderEvent({ orderId: `o-${seq}`, seq }));
    const decision = decideBatch(rows({ products: [{ ...ROW, allocated: 2 }] }), orders);
    expect(decision.record.map(({ seq }) => seq)).toEqual([2, 3]);
    expect(decision.orders.map(({ seq }) => seq)).toEqual([2, 3]);
    expect(decision.impossible.map(({ seq }) => seq)).toEqual([4, 5]);
    expect(decision.products).toEqual([{ ...ROW, allocated: 2, held: 2 }]);
  });

  it("F5: takes a batch whose counts are right in the end, whatever they are on the way", () => {
    const one = { ...ROW, allocated: 1, held: 1 };
    const other: OrderRow = { ...orderEvent({ orderId: "other" }), id: "other" };
    const events = [orderEvent({ seq: 3 }), orderEvent({ orderId: "other", version: 2, seq: 4, status: "expired" })];
    const decision = decideBatch(rows({ products: [one], orders: [other] }), events);
    expect(decision).toMatchObject({ record: events, impossible: [], products: [one] });
  });

  it("T1: leaves a stock event for later that takes away what is still held here", () => {
    const before = rows({ products: [{ ...ROW, held: 10 }] });
    const shrunk = stockEvent({ type: "stock.changed", version: 2, seq: 9, allocated: 4 });
    expect(decideBatch(before, [shrunk])).toMatchObject({ impossible: [shrunk], record: [], products: [] });
  });

  it("T1: one product's impossible counts keep no other's events", () => {
    const sofa = { ...ROW, id: "sofa", allocated: 0 };
    const events = [orderEvent(), orderEvent({ productId: "sofa", orderId: "sofa-1" })];
    const decision = decideBatch(rows({ products: [ROW, sofa] }), events);
    expect(decision).toMatchObject({ record: [events[0]], impossible: [events[1]], products: [{ ...ROW, held: 1 }] });
  });
});
