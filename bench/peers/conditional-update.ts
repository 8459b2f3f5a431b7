/**
 * How one order is made with a conditional update, in one transaction of the application: the stock's row is locked as late as
 * can be, so that the others wait for one round trip and the commit only. Used by every peer that decides in this way.
 */
import type { Sql } from "postgres";
import { type Decision, type Hold, refuse } from "./face.ts";
import { inTransaction, RollBack } from "./postgres-stock.ts";

export function holdByConditionalUpdate(sql: Sql): Hold {
  return ({ buyerId, orderId }) =>
    inTransaction(sql, async (tx): Promise<Decision> => {
      // A look at the stock that locks nothing: who comes too late writes nothing.
      const inserted = await tx`
        INSERT INTO peers.orders (id, product_id, buyer_id, quantity, status)
        SELECT ${orderId}, 'bench', ${buyerId}, 1, 'held' FROM peers.stock WHERE id = 'bench' AND available > 0
        ON CONFLICT (product_id, buyer_id) DO NOTHING`;
      if (inserted.count === 0) {
        const known = await tx`SELECT FROM peers.orders WHERE product_id = 'bench' AND buyer_id = ${buyerId}`;
        return refuse(known.count > 0 ? "buyer-limit" : "sold-out");
      }
      const taken = await tx`UPDATE peers.stock SET available = available - 1 WHERE id = 'bench' AND available > 0`;
      if (taken.count === 0) throw new RollBack("sold-out");
      return { kind: "held", orderId };
    });
}
