/**
 * Peer: the synchronous baseline, a Worker and an object on workerd whose answer waits for the order's transaction in Postgres.
 * This process starts it and keeps its books; requests do not pass here.
 */
import { Hono } from "hono";
import { readEnvironment } from "./environment.ts";
import { connectPostgres, postgresBooks } from "./postgres-stock.ts";
import { addBooks, listen, serveUntilTold } from "./serve.ts";
import { POOLS } from "./tuned.ts";
import { startWorker } from "./workerd.ts";

const env = readEnvironment();
const books = postgresBooks(connectPostgres(env.DATABASE_URL, 1));
await books.reset(env.STOCK);
const worker = await startWorker({
  script: "synchronous.ts",
  port: env.PORT,
  durableObjects: { DESK: "Desk" },
  bindings: {
    TOKEN_KEY: env.TOKEN_KEY,
    DATABASE_URL: env.DATABASE_URL,
    POOL: env.POOL ?? POOLS.synchronous,
    LIMITS: { CLIENT_LIMIT: env.CLIENT_LIMIT, BUYER_LIMIT: env.BUYER_LIMIT },
    BOOKS_URL: await listen(addBooks(new Hono(), books), 0),
  },
});
await serveUntilTold(worker.url);
await worker.stop();
process.exit(0);
