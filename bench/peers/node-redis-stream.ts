/**
 * Peer of the same work: Node, Redis (Lua, AOF always) and a writer process to Postgres. Verifies the token; limits per address
 * and per buyer, units, once per buyer and the order's place on the stream are one script.
 */
import { createHash } from "node:crypto";
import { verifiedBuyer } from "./buyer.ts";
import { readEnvironment, WINDOW_SECONDS } from "./environment.ts";
import { type Hold, saleFace } from "./face.ts";
import { FULL_HOLD_SCRIPT, fullHoldArguments, fullHoldKeys, readHoldAnswer } from "./hold-script.ts";
import { connectPostgres } from "./postgres-stock.ts";
import { connectRedisClient } from "./redis-stock.ts";
import { addBooks, listen, serveUntilTold } from "./serve.ts";
import { startWriter } from "./start-writer.ts";
import { streamBooks } from "./stream-books.ts";

const env = readEnvironment();
const redis = connectRedisClient(env.REDIS_PORT);
const books = streamBooks(redis, connectPostgres(env.DATABASE_URL, 1));
const limits = { perClient: env.CLIENT_LIMIT, perBuyer: env.BUYER_LIMIT, windowSeconds: WINDOW_SECONDS };
await redis.script("LOAD", FULL_HOLD_SCRIPT);
const sha = createHash("sha1").update(FULL_HOLD_SCRIPT).digest("hex");

const hold: Hold = async (wish) => {
  const keys = fullHoldKeys(wish);
  const answer = await redis.evalsha(sha, keys.length, ...keys, ...fullHoldArguments(wish, limits, Date.now()));
  return readHoldAnswer(answer, wish.orderId);
};

await books.reset(env.STOCK);
startWriter();
const app = addBooks(saleFace(hold, await verifiedBuyer(env.TOKEN_KEY)), books);
await serveUntilTold(await listen(app, env.PORT));
process.exit(0);
