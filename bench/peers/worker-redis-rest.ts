/**
 * Peer of the same work: a Worker on workerd, Redis (Lua, AOF always) over Upstash's REST protocol, and the same writer process
 * to Postgres as node-redis-stream.ts. This process starts it and keeps its books; requests do not pass here.
 */
import { Hono } from "hono";
import { readEnvironment, WINDOW_SECONDS } from "./environment.ts";
import { FULL_HOLD_SCRIPT } from "./hold-script.ts";
import { connectPostgres } from "./postgres-stock.ts";
import { connectRedisClient } from "./redis-stock.ts";
import { addBooks, listen, serveUntilTold } from "./serve.ts";
import { startWriter } from "./start-writer.ts";
import { streamBooks } from "./stream-books.ts";
import { startWorker } from "./workerd.ts";

const env = readEnvironment();
const redis = connectRedisClient(env.REDIS_PORT);
const books = streamBooks(redis, connectPostgres(env.DATABASE_URL, 1));
await books.reset(env.STOCK);
const sha = await redis.script("LOAD", FULL_HOLD_SCRIPT);
startWriter();
const worker = await startWorker({
  script: "redis-rest.ts",
  port: env.PORT,
  bindings: {
    TOKEN_KEY: env.TOKEN_KEY,
    REST_URL: env.REST_URL,
    REST_TOKEN: env.REST_TOKEN,
    SCRIPT_SHA: String(sha),
    LIMITS: { perClient: env.CLIENT_LIMIT, perBuyer: env.BUYER_LIMIT, windowSeconds: WINDOW_SECONDS },
    BOOKS_URL: await listen(addBooks(new Hono(), books), 0),
  },
});
await serveUntilTold(worker.url);
await worker.stop();
process.exit(0);
