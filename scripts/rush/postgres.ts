/** What the origin's Postgres says of one product, for the comparison with the ledger and with what buyers saw. */
import postgres from "postgres";

export interface PostgresOrder {
  readonly id: string;
  readonly buyerId: string;
  readonly quantity: number;
  readonly status: string;
  readonly version: number;
  /** Rows of order_events, and how many different versions they have. */
  readonly events: number;
  readonly versions: number;
}

export interface PostgresView {
  /** The products row; null when there is none. */
  readonly product: {
    readonly allocated: number;
    readonly held: number;
    readonly paid: number;
    readonly withdrawn: number;
  } | null;
  readonly orders: readonly PostgresOrder[];
  readonly deadLetters: number;
}

const CONNECT_TIMEOUT_SECONDS = 5;

/** Reads it all in one snapshot. */
export async function readPostgres(databaseUrl: string, productId: string): Promise<PostgresView> {
  const sql = postgres(databaseUrl, {
    max: 1,
    prepare: false,
    fetch_types: false,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
  });
  try {
    return await sql.begin("isolation level repeatable read read only", async (transaction) => {
      const [product] = await transaction<{ allocated: number; held: number; paid: number; withdrawn: number }[]>`
        SELECT allocated, held, paid, withdrawn FROM products WHERE id = ${productId}`;
      const orders = await transaction<PostgresOrder[]>`
        SELECT o.id, o.buyer_id AS "buyerId", o.quantity, o.status, o.version,
               count(e.event_id)::int AS events, count(DISTINCT e.version)::int AS versions
        FROM orders o LEFT JOIN order_events e ON e.order_id = o.id
        WHERE o.product_id = ${productId} GROUP BY o.id`;
      const [letters] = await transaction<{ waiting: number }[]>`
        SELECT count(*)::int AS waiting FROM dead_letters WHERE product_id = ${productId} AND resolved_at IS NULL`;
      return { product: product ?? null, orders: [...orders], deadLetters: letters?.waiting ?? 0 };
    });
  } finally {
    await sql.end();
  }
}
