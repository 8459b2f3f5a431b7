import { describe, expect, it } from "vitest";
import { decideFaults } from "../../../bench/peers/judge.ts";

const LEDGER = { allocated: 10, available: 4, held: 6, orders: 6, rows: 6 };
const EXPECTED = { stock: 10, buyers: 6, accepted: 6, delivers: true };

describe("decideFaults", () => {
  it("finds nothing in books that are right", () => {
    expect(decideFaults(LEDGER, EXPECTED)).toEqual([]);
  });

  it.each([
    ["units that were never allocated", { allocated: 11, available: 5 }, /11 units allocated, not 10/],
    ["stock below none", { available: -1, held: 11 }, /less than none/],
    ["more orders than units", { orders: 11 }, /Oversold: 11 orders of 10 units/],
    ["units that are nowhere", { available: 3 }, /10 allocated are not 3 available and 6 held/],
    ["orders without their units", { available: 5, held: 5 }, /5 units held for 6 orders/],
    ["orders that Postgres does not have", { rows: 5 }, /5 rows in Postgres for 6 orders/],
    ["orders that Postgres has twice", { rows: 7 }, /7 rows in Postgres for 6 orders/],
    ["a confirmed order that is gone", { available: 5, held: 5, orders: 5, rows: 5 }, /6 orders were confirmed, 5/],
    ["a buyer with two orders", { available: 3, held: 7, orders: 7, rows: 7 }, /7 orders of 6 buyers/],
  ])("names %s", (_, change, fault) => {
    expect(decideFaults({ ...LEDGER, ...change }, EXPECTED).join("; ")).toMatch(fault);
  });

  it("names buyers that were sent away though units were left", () => {
    expect(decideFaults(LEDGER, { ...EXPECTED, buyers: 7 })).toEqual(["6 orders where 7 could be sold"]);
  });

  it("wants no row of a peer that delivers nothing", () => {
    expect(decideFaults({ ...LEDGER, rows: 0 }, { ...EXPECTED, delivers: false })).toEqual([]);
  });
});
