/**
 * Peer of the same work: Node and Postgres, nothing else. Verifies the token, limits per address and per buyer in memory, and
 * holds by a conditional update; the order is in Postgres when it is answered, one transaction of four round trips each.
 */
import { verifiedBuyer } from "./buyer.ts";
import { holdByConditionalUpdate } from "./conditional-update.ts";
import { readEnvironment } from "./environment.ts";
import { saleFace } from "./face.ts";
import { withMemoryLimits } from "./memory-limits.ts";
import { connectPostgres, postgresBooks } from "./postgres-stock.ts";
import { runPeer } from "./serve.ts";
import { POOLS } from "./tuned.ts";

const env = readEnvironment();
const sql = connectPostgres(env.DATABASE_URL, env.POOL ?? POOLS["node-postgres"]);
const hold = withMemoryLimits(holdByConditionalUpdate(sql), env);
await runPeer(saleFace(hold, await verifiedBuyer(env.TOKEN_KEY)), postgresBooks(sql), {
  port: env.PORT,
  stock: env.STOCK,
});
