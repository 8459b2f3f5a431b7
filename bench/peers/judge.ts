/** Whether a peer's books are right. Pure: what a run expects and what was found in, faults out. */
import type { SaleLedger } from "../server.ts";

export interface SaleExpectation {
  /** Units at the start. */
  readonly stock: number;
  /** Buyers that asked, each as often as it liked; undefined: enough for the stock, nobody knows how many. */
  readonly buyers?: number;
  /** Answers 202 that were counted; undefined: they were not. */
  readonly accepted?: number;
  /** Whether every order is to be in Postgres. */
  readonly delivers: boolean;
}

/** What is wrong, a sentence each; empty: nothing. */
export function decideFaults(ledger: SaleLedger, expected: SaleExpectation): readonly string[] {
  const { allocated, available, held, orders, rows } = ledger;
  const { stock, buyers, accepted, delivers } = expected;
  const faults: string[] = [];
  const want = (holds: boolean, fault: string): void => {
    if (!holds) faults.push(fault);
  };
  want(allocated === stock, `${allocated} units allocated, not ${stock}`);
  want(available >= 0, `${available} units available: less than none`);
  want(orders <= stock, `Oversold: ${orders} orders of ${stock} units`);
  want(allocated === available + held, `${allocated} allocated are not ${available} available and ${held} held`);
  want(held === orders, `${held} units held for ${orders} orders of one unit`);
  if (delivers) want(rows === orders, `${rows} rows in Postgres for ${orders} orders`);
  if (accepted !== undefined)
    want(accepted === orders, `${accepted} orders were confirmed, ${orders} are in the books`);
  if (buyers !== undefined) {
    const wanted = Math.min(stock, buyers);
    want(orders >= wanted, `${orders} orders where ${wanted} could be sold`);
    want(orders <= buyers, `${orders} orders of ${buyers} buyers: somebody has two`);
  }
  return faults;
}
