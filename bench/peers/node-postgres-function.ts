/**
 * Peer of the same work: as node-postgres.ts, with the whole transaction in one function of the database, so that an order is
 * one round trip. Faster, and rarer: the rules of the sale are in PL/pgSQL then.
 */
import { verifiedBuyer } from "./buyer.ts";
import { readEnvironment } from "./environment.ts";
import { type Hold, refuse, saleFace, type SaleRefusal } from "./face.ts";
import { withMemoryLimits } from "./memory-limits.ts";
import { connectPostgres, postgresBooks } from "./postgres-stock.ts";
import { runPeer } from "./serve.ts";
import { POOLS } from "./tuned.ts";

const HELD = "held";

/** Who loses the last unit after the look takes the order back by hand: an exception would cost more. */
const FUNCTION = `
  CREATE OR REPLACE FUNCTION peers.hold(order_id text, buyer text) RETURNS text LANGUAGE plpgsql AS $$
  BEGIN
    IF NOT EXISTS (SELECT FROM peers.stock WHERE id = 'bench' AND available > 0) THEN
      RETURN 'sold-out';
    END IF;
    INSERT INTO peers.orders (id, product_id, buyer_id, quantity, status) VALUES (order_id, 'bench', buyer, 1, 'held')
      ON CONFLICT (product_id, buyer_id) DO NOTHING;
    IF NOT FOUND THEN
      RETURN 'buyer-limit';
    END IF;
    UPDATE peers.stock SET available = available - 1 WHERE id = 'bench' AND available > 0;
    IF FOUND THEN
      RETURN 'held';
    END IF;
    DELETE FROM peers.orders WHERE id = order_id;
    RETURN 'sold-out';
  END
  $$;`;

const env = readEnvironment();
const sql = connectPostgres(env.DATABASE_URL, env.POOL ?? POOLS["node-postgres-function"]);
const books = postgresBooks(sql);

const hold: Hold = async ({ buyerId, orderId }) => {
  const [answer] = await sql<{ code: typeof HELD | SaleRefusal }[]>`SELECT peers.hold(${orderId}, ${buyerId}) AS code`;
  if (answer === undefined) throw new Error("The function answered nothing");
  return answer.code === HELD ? { kind: "held", orderId } : refuse(answer.code);
};

async function reset(stock: number): Promise<void> {
  await books.reset(stock);
  await sql.unsafe(FUNCTION);
}

await runPeer(
  saleFace(withMemoryLimits(hold, env), await verifiedBuyer(env.TOKEN_KEY)),
  { ...books, reset },
  {
    port: env.PORT,
    stock: env.STOCK,
  },
);
