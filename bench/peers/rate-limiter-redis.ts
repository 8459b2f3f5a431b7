/**
 * Peer: rate-limiter-flexible in Redis. Who is over its limit is remembered in the process, as its documentation advises
 * (inMemoryBlockOnConsumed): refusals then cost no call.
 */
import { RateLimiterRedis } from "rate-limiter-flexible";
import { readEnvironment, WINDOW_SECONDS } from "./environment.ts";
import { limitsBooks, limitsFace } from "./limits-face.ts";
import { isWithin } from "./memory-limits.ts";
import { connectRedisClient } from "./redis-stock.ts";
import { runPeer } from "./serve.ts";

const env = readEnvironment();
const redis = connectRedisClient(env.REDIS_PORT);
const limiter = new RateLimiterRedis({
  storeClient: redis,
  points: env.LIMIT,
  duration: WINDOW_SECONDS,
  inMemoryBlockOnConsumed: env.LIMIT,
});
const books = limitsBooks(async () => {
  limiter.deleteInMemoryBlockedAll();
  await redis.flushdb();
});
await runPeer(
  limitsFace((client) => isWithin(limiter, client)),
  books,
  { port: env.PORT, stock: env.STOCK },
);
