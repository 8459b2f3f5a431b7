/** Peer: `SELECT ... FOR UPDATE` in Postgres: one buyer after the other. Believes the token, limits nothing. */
import { statedBuyer } from "./buyer.ts";
import { readEnvironment } from "./environment.ts";
import { type Hold, saleFace } from "./face.ts";
import { connectPostgres, inTransaction, insertOrder, postgresBooks, RollBack } from "./postgres-stock.ts";
import { runPeer } from "./serve.ts";
import { POOLS } from "./tuned.ts";

const env = readEnvironment();
const sql = connectPostgres(env.DATABASE_URL, env.POOL ?? POOLS["postgres-for-update"]);

const hold: Hold = ({ buyerId, orderId }) =>
  inTransaction(sql, async (tx) => {
    const [stock] = await tx<{ available: number }[]>`
      SELECT available FROM peers.stock WHERE id = 'bench' FOR UPDATE`;
    if (stock === undefined || stock.available === 0) throw new RollBack("sold-out");
    if (!(await insertOrder(tx, orderId, buyerId))) throw new RollBack("buyer-limit");
    await tx`UPDATE peers.stock SET available = ${stock.available - 1} WHERE id = 'bench'`;
    return { kind: "held", orderId };
  });

await runPeer(saleFace(hold, statedBuyer), postgresBooks(sql), { port: env.PORT, stock: env.STOCK });
