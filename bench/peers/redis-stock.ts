/** Stock and orders in Redis, as the peers keep them: units left, and a hash from buyer to order, so "once per buyer" is one field. */
import { Redis } from "ioredis";
import type { SaleLedger } from "../server.ts";
import { ALLOCATED, AVAILABLE, ORDERS } from "./redis-keys.ts";
import type { Books } from "./serve.ts";

/**
 * Commands of one turn of the event loop travel together: without it a client of Redis is slower than its Redis.
 *
 * @param isBlocking for commands that wait in Redis: they must not keep others waiting.
 */
export function connectRedisClient(port: number, isBlocking = false): Redis {
  return new Redis({ host: "127.0.0.1", port, enableAutoPipelining: !isBlocking, maxRetriesPerRequest: 1 });
}

export function redisBooks(redis: Redis): Books {
  return {
    async ledger(): Promise<SaleLedger> {
      const [allocated, available, orders] = await Promise.all([
        redis.get(ALLOCATED),
        redis.get(AVAILABLE),
        redis.hlen(ORDERS),
      ]);
      return { allocated: Number(allocated), available: Number(available), held: orders, orders, rows: 0 };
    },
    async reset(stock) {
      await redis.multi().flushdb().set(ALLOCATED, stock).set(AVAILABLE, stock).exec();
    },
  };
}
