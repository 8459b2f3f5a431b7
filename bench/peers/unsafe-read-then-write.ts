/**
 * Peer: reads the stock, then writes what it read minus one. It oversells, which its check must show; nobody should use it,
 * and people do. Believes the token, limits nothing.
 */
import { statedBuyer } from "./buyer.ts";
import { readEnvironment } from "./environment.ts";
import { type Hold, refuse, saleFace } from "./face.ts";
import { connectPostgres, insertOrder, postgresBooks } from "./postgres-stock.ts";
import { runPeer } from "./serve.ts";
import { POOLS } from "./tuned.ts";

const env = readEnvironment();
const sql = connectPostgres(env.DATABASE_URL, env.POOL ?? POOLS["unsafe-read-then-write"]);

const hold: Hold = async ({ buyerId, orderId }) => {
  const [stock] = await sql<{ available: number }[]>`SELECT available FROM peers.stock WHERE id = 'bench'`;
  const available = stock?.available ?? 0;
  if (available === 0) return refuse("sold-out");
  if (!(await insertOrder(sql, orderId, buyerId))) return refuse("buyer-limit");
  await sql`UPDATE peers.stock SET available = ${available - 1} WHERE id = 'bench'`;
  return { kind: "held", orderId };
};

await runPeer(saleFace(hold, statedBuyer), postgresBooks(sql), { port: env.PORT, stock: env.STOCK });
