/** Whether a round's stock book agrees with its orders: the conservation law, proven anew from the rows. Pure. */
import type { OrderStatus } from "../../src/refusal.ts";
import { isConserved, type Round } from "./ledger.ts";
import type { StockCheck } from "./protocol.ts";

type UnitsByStatus = ReadonlyMap<OrderStatus, { readonly orders: number; readonly units: number }>;

/** `found`: what the orders that are stored say; `left`: what is kept of those that left. */
export function checkStock(round: Round, found: UnitsByStatus, left: UnitsByStatus): StockCheck {
  const { ledger, orders } = round;
  const differences: string[] = [];
  if (!isConserved(ledger)) differences.push(`the book does not balance: ${JSON.stringify(ledger)}`);
  for (const status of ["held", "paid"] as const) {
    const units = (found.get(status)?.units ?? 0) + (left.get(status)?.units ?? 0);
    if (units !== ledger[status])
      differences.push(`${ledger[status]} units ${status} in the book, ${units} in the orders`);
  }
  for (const status of ["held", "paid", "cancelled", "expired", "refund_due"] as const) {
    const count = (found.get(status)?.orders ?? 0) + (left.get(status)?.orders ?? 0);
    if (count !== orders[status]) differences.push(`${orders[status]} orders ${status} counted, ${count} found`);
  }
  return { round: round.round, ...ledger, differences };
}
