import { isConserved } from "./ledger.ts";
export function checkStock(round, found) {
    const { ledger, orders } = round;
    const differences = [];
    if (!isConserved(ledger))
        differences.push(`the book does not balance: ${JSON.stringify(ledger)}`);
    for (const status of ["held", "paid"]) {
        const units = found.get(status)?.units ?? 0;
        if (units !== ledger[status])
            differences.push(`${ledger[status]} units ${status} in the book, ${units} in the orders`);
    }
    for (const status of ["held", "paid", "cancelled", "expired", "refund_due"]) {
        const count = found.get(status)?.orders ?? 0;
        if (count !== orders[status])
            differences.push(`${orders[status]} orders ${status} counted, ${count} found`);
    }
    return { round: round.round, ...ledger, differences };
}
