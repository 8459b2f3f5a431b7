/**
 * Peer: optimistic lock in Postgres. Reads stock and version, writes if the version is still the same, and tries again if not.
 * Believes the token, limits nothing.
 */
import { statedBuyer } from "./buyer.ts";
import { readEnvironment } from "./environment.ts";
import { type Decision, type Hold, refuse, saleFace } from "./face.ts";
import { connectPostgres, inTransaction, insertOrder, postgresBooks, RollBack } from "./postgres-stock.ts";
import { runPeer } from "./serve.ts";
import { POOLS } from "./tuned.ts";

/** After so long it says that it is overloaded: a request that waits longer has lost its client. */
const PATIENCE_MS = 10_000;

const env = readEnvironment();
const sql = connectPostgres(env.DATABASE_URL, env.POOL ?? POOLS["postgres-version"]);

/** Null: somebody else was faster. */
async function attempt(buyerId: string, orderId: string): Promise<Decision | null> {
  const [stock] = await sql<{ available: number; version: number }[]>`
    SELECT available, version FROM peers.stock WHERE id = 'bench'`;
  if (stock === undefined || stock.available === 0) return refuse("sold-out");
  let isOutdated = false;
  const decision = await inTransaction(sql, async (tx) => {
    // First the row that others want: who lost it has written nothing yet. It waits for whoever has it, so that no pause is
    // needed before the next attempt.
    const { count } = await tx`
      UPDATE peers.stock SET available = ${stock.available - 1}, version = version + 1
      WHERE id = 'bench' AND version = ${stock.version}`;
    isOutdated = count === 0;
    if (isOutdated) throw new RollBack("overloaded");
    if (!(await insertOrder(tx, orderId, buyerId))) throw new RollBack("buyer-limit");
    return { kind: "held", orderId };
  });
  return isOutdated ? null : decision;
}

const hold: Hold = async ({ buyerId, orderId }) => {
  const until = performance.now() + PATIENCE_MS;
  while (performance.now() < until) {
    const decision = await attempt(buyerId, orderId);
    if (decision !== null) return decision;
  }
  return refuse("overloaded");
};

await runPeer(saleFace(hold, statedBuyer), postgresBooks(sql), { port: env.PORT, stock: env.STOCK });
