/** Peer: `UPDATE ... SET available = available - 1 WHERE available > 0` in Postgres. Believes the token, limits nothing. */
import { statedBuyer } from "./buyer.ts";
import { holdByConditionalUpdate } from "./conditional-update.ts";
import { readEnvironment } from "./environment.ts";
import { saleFace } from "./face.ts";
import { connectPostgres, postgresBooks } from "./postgres-stock.ts";
import { runPeer } from "./serve.ts";
import { POOLS } from "./tuned.ts";

const env = readEnvironment();
const sql = connectPostgres(env.DATABASE_URL, env.POOL ?? POOLS["postgres-conditional"]);
await runPeer(saleFace(holdByConditionalUpdate(sql), statedBuyer), postgresBooks(sql), {
  port: env.PORT,
  stock: env.STOCK,
});
