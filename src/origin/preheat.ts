/**
 * Preheat: taking the origin's own units for a round, and giving them back when the round does not come about.
 *
 * The units leave `products.stock` (or the row as the origin inserted it) in the statement that claims the row for the
 * round, so they are in one place at any time. A round that the gateway had before gives its leftover back only through
 * its stock events (`returned`): what its row shows may be old, and units must never be counted twice. For the same
 * reason a round is preheated a second time only when its product's outbox is empty.
 */
import { type Database, transact } from "./database.ts";

export interface RoundOfProduct {
  readonly productId: string;
  /** From 1. */
  readonly round: number;
}

/** Postgres knows a newer round than the product does: one of the two was set back to an older state. */
export class NewerRound extends Error {
  override readonly name = "NewerRound";
  readonly code = "NEWER_ROUND";

  constructor({ productId, round }: RoundOfProduct) {
    super(`Cannot take the origin's stock for round ${round} of ${productId}: a newer round has its row`);
  }
}

/**
 * Claims the origin's row for the round and returns the units that the round has by that: the same again when asked
 * again, with what has come to `stock` since. Null when the origin has no row for the product.
 */
export async function takeStock(database: Database, { productId, round }: RoundOfProduct): Promise<number | null> {
  return await transact(database, async (inside) => {
    // Every right side sees the row as it was before; a second caller waits for the lock and then sees the first's row.
    const [taken] = await inside<{ units: number }[]>`
      UPDATE products SET
        allocated = stock + CASE
          WHEN claimed_round = ${round}::integer THEN allocated - withdrawn
          WHEN claimed_round = 0 THEN greatest(0, allocated - held - paid - withdrawn)
          ELSE 0 END,
        held = CASE WHEN claimed_round = ${round}::integer THEN held ELSE 0 END,
        paid = CASE WHEN claimed_round = ${round}::integer THEN paid ELSE 0 END,
        stock_version = CASE WHEN claimed_round = ${round}::integer THEN stock_version ELSE 0 END,
        withdrawn = 0,
        stock = 0,
        round = ${round}::integer,
        claimed_round = ${round}::integer,
        version = version + 1,
        updated_at = now()
      WHERE id = ${productId} AND claimed_round <= ${round}::integer
      RETURNING allocated AS units`;
    if (taken !== undefined) return taken.units;
    const present = await inside`SELECT 1 FROM products WHERE id = ${productId}`;
    if (present.length > 0) throw new NewerRound({ productId, round });
    return null;
  });
}

/**
 * Undoes `takeStock` for a round that was refused after it: the units go back to `products.stock`. Returns how many;
 * 0 when the round has begun (its stock event has arrived) or another has the row. Only for a definite refusal: after
 * a lost answer the round may exist, and its units with it; then ask `takeStock` again instead.
 */
export async function giveStockBack(database: Database, { productId, round }: RoundOfProduct): Promise<number> {
  return await transact(database, async (inside) => {
    const given = await inside<{ units: number }[]>`
      WITH claimed AS (
        SELECT id, allocated FROM products
        WHERE id = ${productId} AND claimed_round = ${round}::integer AND stock_version = 0 AND held = 0 AND paid = 0
        FOR UPDATE
      )
      UPDATE products SET stock = products.stock + claimed.allocated, allocated = 0, version = version + 1, updated_at = now()
      FROM claimed WHERE products.id = claimed.id
      RETURNING claimed.allocated AS units`;
    return given[0]?.units ?? 0;
  });
}
