/**
 * Peer: a lock in Redis (SET NX PX, released by its holder only), stock read and written while it is held.
 * https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/ Believes the token, limits nothing.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { statedBuyer } from "./buyer.ts";
import { readEnvironment } from "./environment.ts";
import { type Decision, type Hold, refuse, saleFace } from "./face.ts";
import { AVAILABLE, ORDERS } from "./redis-keys.ts";
import { connectRedisClient, redisBooks } from "./redis-stock.ts";
import { runPeer } from "./serve.ts";
import { LOCK_PAUSE_MS } from "./tuned.ts";

const LOCK = "bench:lock";
/** A holder that died blocks the sale for so long. */
const LOCK_MS = 2000;
/** After so long it says that it is overloaded: a request that waits longer has lost its client. */
const PATIENCE_MS = 10_000;

const RELEASE = `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`;

const env = readEnvironment();
const pauseMs = env.LOCK_PAUSE_MS ?? LOCK_PAUSE_MS;
const redis = connectRedisClient(env.REDIS_PORT);

async function sell(buyerId: string, orderId: string): Promise<Decision> {
  const [available, known] = await Promise.all([redis.get(AVAILABLE), redis.hexists(ORDERS, buyerId)]);
  if (known === 1) return refuse("buyer-limit");
  const left = Number(available);
  if (left === 0) return refuse("sold-out");
  // One transaction: a process that dies in between must not leave an order without its unit.
  await redis
    .multi()
    .set(AVAILABLE, left - 1)
    .hset(ORDERS, buyerId, orderId)
    .exec();
  return { kind: "held", orderId };
}

const hold: Hold = async ({ buyerId, orderId }) => {
  const until = performance.now() + PATIENCE_MS;
  while ((await redis.set(LOCK, orderId, "PX", LOCK_MS, "NX")) === null) {
    if (performance.now() > until) return refuse("overloaded");
    await sleep(pauseMs * (0.5 + Math.random()));
  }
  try {
    return await sell(buyerId, orderId);
  } finally {
    await redis.eval(RELEASE, 1, LOCK, orderId);
  }
};

await runPeer(saleFace(hold, statedBuyer), redisBooks(redis), { port: env.PORT, stock: env.STOCK });
