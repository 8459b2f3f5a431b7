/**
 * Peer: INCRBY in Redis, and the unit given back if there was none. Three steps that a crash can part: then a unit is lost, or
 * a buyer is shut out. Believes the token, limits nothing.
 */
import { statedBuyer } from "./buyer.ts";
import { readEnvironment } from "./environment.ts";
import { type Hold, refuse, saleFace } from "./face.ts";
import { AVAILABLE, ORDERS } from "./redis-keys.ts";
import { connectRedisClient, redisBooks } from "./redis-stock.ts";
import { runPeer } from "./serve.ts";

const env = readEnvironment();
const redis = connectRedisClient(env.REDIS_PORT);

const hold: Hold = async ({ buyerId, orderId }) => {
  if ((await redis.hsetnx(ORDERS, buyerId, orderId)) === 0) return refuse("buyer-limit");
  if ((await redis.incrby(AVAILABLE, -1)) >= 0) return { kind: "held", orderId };
  await Promise.all([redis.incrby(AVAILABLE, 1), redis.hdel(ORDERS, buyerId)]);
  return refuse("sold-out");
};

await runPeer(saleFace(hold, statedBuyer), redisBooks(redis), { port: env.PORT, stock: env.STOCK });
