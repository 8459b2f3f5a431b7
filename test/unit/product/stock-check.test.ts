import { describe, expect, it } from "vitest";
import type { Round } from "../../../durable-objects/product/ledger.ts";
import { checkStock } from "../../../durable-objects/product/stock-check.ts";
import type { OrderStatus } from "../../../src/refusal.ts";
import { LEDGER, makeRound } from "./round-fixture.ts";

type Found = Partial<Record<OrderStatus, { readonly orders: number; readonly units: number }>>;

const ORDERS: Round["orders"] = { held: 2, paid: 1, cancelled: 3, expired: 4, refund_due: 5 };
const FOUND: Found = {
  held: { orders: 2, units: 2 },
  paid: { orders: 1, units: 1 },
  cancelled: { orders: 3, units: 3 },
  expired: { orders: 4, units: 8 },
  refund_due: { orders: 5, units: 5 },
};

function check(round: Partial<Round>, found: Found) {
  const rows = Object.entries({ ...FOUND, ...found }) as [OrderStatus, { orders: number; units: number }][];
  return checkStock(makeRound({ orders: ORDERS, ...round }), new Map(rows), new Map());
}

describe("checkStock", () => {
  it("finds nothing where book and orders agree", () => {
    expect(check({}, {})).toEqual({ round: 3, ...LEDGER, differences: [] });
  });

  it("counts what has left with what is stored", () => {
    const stored = new Map(Object.entries(FOUND) as [OrderStatus, { orders: number; units: number }][]);
    const orders = { ...ORDERS, paid: 4, expired: 6 };
    const round = makeRound({ orders, ledger: { ...LEDGER, available: LEDGER.available - 5, paid: LEDGER.paid + 5 } });
    const left = new Map([
      ["paid", { orders: 3, units: 5 }],
      ["expired", { orders: 2, units: 2 }],
    ] as const);
    expect(checkStock(round, stored, left).differences).toEqual([]);
    expect(checkStock(round, stored, new Map()).differences).toHaveLength(3);
  });

  it("takes a status without rows as none", () => {
    const orders = { held: 0, paid: 0, cancelled: 0, expired: 0, refund_due: 0 };
    const ledger = { allocated: 10, available: 10, held: 0, paid: 0, withdrawn: 0 };
    expect(checkStock(makeRound({ orders, ledger }), new Map(), new Map()).differences).toEqual([]);
  });

  it.each<[string, Partial<Round>, Found, number]>([
    ["a book that does not add up", { ledger: { ...LEDGER, available: 7 } }, {}, 1],
    ["a book with a negative part", { ledger: { ...LEDGER, available: -1, withdrawn: 8 } }, {}, 1],
    ["held units that no order has", { ledger: { ...LEDGER, held: 3, available: 5 } }, {}, 1],
    ["paid units that no order has", { ledger: { ...LEDGER, paid: 2, available: 5 } }, {}, 1],
    ["an order with more held units than the book", {}, { held: { orders: 2, units: 3 } }, 1],
    ["an order with fewer paid units than the book", {}, { paid: { orders: 1, units: 0 } }, 1],
    ["a held order that was not counted", {}, { held: { orders: 3, units: 2 } }, 1],
    ["a paid order that was not counted", {}, { paid: { orders: 2, units: 1 } }, 1],
    ["a cancelled order that was not counted", {}, { cancelled: { orders: 4, units: 4 } }, 1],
    ["an expired order that is missing", {}, { expired: { orders: 3, units: 7 } }, 1],
    ["a refund_due order that is missing", {}, { refund_due: { orders: 4, units: 4 } }, 1],
    ["a hold that is in no count", {}, { held: { orders: 3, units: 3 } }, 2],
    [
      "everything at once",
      { ledger: { ...LEDGER, held: 9 } },
      { held: { orders: 9, units: 8 }, paid: { orders: 9, units: 9 } },
      5,
    ],
  ])("finds %s", (_name, round, found, differences) => {
    expect(check(round, found).differences).toHaveLength(differences);
  });
});
