/** The books of peers that decide in Redis and hand the order to Postgres by a stream. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Sql } from "postgres";
import { countRows, resetPostgres } from "./postgres-stock.ts";
import { STREAM, WRITERS } from "./redis-keys.ts";
import { redisBooks } from "./redis-stock.ts";
import type { Books } from "./serve.ts";

/** How long the writer may take for what is on its way when the next run wants to begin. */
const DRAIN_MS = 30_000;
const POLL_MS = 20;

export function streamBooks(redis: Redis, sql: Sql): Books {
  const books = redisBooks(redis);

  /** Until no order is on its way: a row of the last run must not come into the next. */
  async function drain(): Promise<void> {
    const until = performance.now() + DRAIN_MS;
    while ((await redis.xlen(STREAM)) > 0) {
      if (performance.now() > until) throw new Error(`The writer still has orders to write after ${DRAIN_MS} ms`);
      await sleep(POLL_MS);
    }
  }

  return {
    async ledger() {
      const [ledger, rows] = await Promise.all([books.ledger(), countRows(sql)]);
      return { ...ledger, rows };
    },
    async reset(stock) {
      await drain();
      await resetPostgres(sql, stock);
      await books.reset(stock);
      // The reset took the group with everything else.
      await redis.xgroup("CREATE", STREAM, WRITERS, "$", "MKSTREAM");
    },
  };
}
