/**
 * The writer behind Redis: takes orders from the stream and puts them into Postgres, a transaction for as many as are there.
 *
 * A process of its own, so that it does not slow the answers. An order leaves the stream after its transaction, so a crash
 * repeats it, and the row's id makes that harmless. Ends with its stdin, as peers do.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { readEnvironment } from "./environment.ts";
import { connectPostgres } from "./postgres-stock.ts";
import { STREAM, WRITERS } from "./redis-keys.ts";
import { connectRedisClient } from "./redis-stock.ts";

/** The most orders in a transaction. */
const BATCH = 500;
/** After a batch that was not full, others may gather: a transaction for each order would take the processor from the answers. */
const GATHER_MS = 100;
/** How long a read waits for orders in Redis. */
const BLOCK_MS = 1000;
/** Before it looks again for a group that a reset has just taken away. */
const PAUSE_MS = 20;
const CONSUMER = "one";
/** Redis's words for a stream that a reset has just taken away: before a read, and while it waits. */
const GROUP_IS_GONE = /^(?:NOGROUP|UNBLOCKED)/;

const env = readEnvironment();
const redis = connectRedisClient(env.REDIS_PORT, true);
const sql = connectPostgres(env.DATABASE_URL, 1);
process.stdin.resume().once("end", () => process.exit(0));
process.once("SIGTERM", () => process.exit(0));

interface StreamedOrder {
  readonly entry: string;
  readonly id: string;
  readonly buyer: string;
  /** Milliseconds since the epoch. */
  readonly at: string;
}

/** @param from "0": what was read before and not written; ">": what is new. */
async function read(from: "0" | ">"): Promise<readonly StreamedOrder[]> {
  const block = ["COUNT", BATCH, "BLOCK", BLOCK_MS] as const;
  const answer = await redis.xreadgroup("GROUP", WRITERS, CONSUMER, ...block, "STREAMS", STREAM, from);
  const entries = answer?.[0]?.[1] ?? [];
  return entries.flatMap(([entry, fields]) => {
    const [, id = "", , buyer = "", , at = ""] = fields ?? []; // Null: it was deleted, and so written before.
    return fields === null ? [] : [{ entry, id, buyer, at }];
  });
}

async function write(orders: readonly StreamedOrder[]): Promise<void> {
  await sql`
    WITH inserted AS (
      INSERT INTO peers.orders (id, product_id, buyer_id, quantity, status, created_at)
      SELECT id, 'bench', buyer, 1, 'held', to_timestamp(at::bigint / 1000.0)
      FROM jsonb_to_recordset(${sql.json(orders.map((order) => ({ ...order })))}) AS o (id text, buyer text, at text)
      ON CONFLICT DO NOTHING
      RETURNING quantity
    )
    UPDATE peers.stock SET available = available - (SELECT coalesce(sum(quantity), 0) FROM inserted) WHERE id = 'bench'`;
  const entries = orders.map(({ entry }) => entry);
  await redis
    .multi()
    .xack(STREAM, WRITERS, ...entries)
    .xdel(STREAM, ...entries)
    .exec();
}

let from: "0" | ">" = "0";
for (;;) {
  try {
    const orders = await read(from);
    if (orders.length > 0) await write(orders);
    else from = ">";
    if (orders.length > 0 && orders.length < BATCH) await sleep(GATHER_MS);
  } catch (fault) {
    if (!(fault instanceof Error && GROUP_IS_GONE.test(fault.message))) throw fault;
    from = "0";
    await sleep(PAUSE_MS);
  }
}
