/**
 * Orders that left their product's object, as Postgres has them.
 *
 * Who may be believed: the rows of `orders` are written by the gateway's own writer only, and an order leaves its object
 * after the writer has acknowledged every event of it. So its row is the order as it was when it left. The object checks
 * what it still knows of it, and decides; the origin, which owns the database, could lie to nobody but itself.
 *
 * Never by a cached answer: `now()` in a statement keeps it out of Hyperdrive's cache, also where somebody left that on
 * (https://developers.cloudflare.com/hyperdrive/concepts/query-caching/). Who asks must have been told by the object
 * that the order may be here; a flood of such questions is bounded per isolate.
 */
import type { OrderSnapshot } from "../../durable-objects/product/protocol.ts";
import type { Config } from "../config.ts";
import { describeFault, logEvent } from "../log.ts";
import type { OrderAddress } from "../order-calls.ts";
import type { RefusalOf } from "../refusal.ts";
import { ok, refused, type Result } from "../result.ts";
import { openDatabase, transact } from "./database.ts";

/** A look-up by primary key takes a millisecond; whoever waits longer is better told to come again. Milliseconds. */
const TIMEOUT_MS = 2000;
/** Look-ups of one isolate at a time: each is a connection, and more of them would only queue up in Postgres. */
const AT_ONCE_MAX = 16;
const RETRY_AFTER_SECONDS = 5;

const OVERLOADED: RefusalOf<"overloaded"> = {
  code: "overloaded",
  retryAfterSeconds: RETRY_AFTER_SECONDS,
  detail: "The origin's database, which has this order, does not answer",
};

let running = 0;

/** The order's row; null: there is none. Where Postgres does not answer, a refusal: it is unknown then, not absent. */
export async function findArchivedOrder(
  env: Env,
  config: Pick<Config, "writer">,
  order: OrderAddress,
): Promise<Result<OrderSnapshot | null, RefusalOf<"overloaded">>> {
  if (running >= AT_ONCE_MAX) return refused(OVERLOADED);
  running += 1;
  try {
    return ok(await readRow(env, Math.min(TIMEOUT_MS, config.writer.timeoutMs), order));
  } catch (fault) {
    logEvent("error", "archived-order-not-read", { ...order, fault: describeFault(fault) });
    return refused(OVERLOADED);
  } finally {
    running -= 1;
  }
}

async function readRow(
  env: Env,
  timeoutMs: number,
  { productId, orderId }: OrderAddress,
): Promise<OrderSnapshot | null> {
  const database = openDatabase(env.ORIGIN_DB.connectionString, timeoutMs);
  const [row] = await transact(
    database,
    (sql) => sql<(OrderSnapshot & { readonly readAt: number })[]>`
      SELECT id AS "orderId", product_id AS "productId", round, buyer_id AS "buyerId", status, quantity, version,
        payment_id AS "paymentId",
        round(extract(epoch FROM hold_expires_at) * 1000)::float8 AS "holdExpiresAt",
        round(extract(epoch FROM created_at) * 1000)::float8 AS "createdAt",
        round(extract(epoch FROM updated_at) * 1000)::float8 AS "updatedAt",
        round(extract(epoch FROM now()) * 1000)::float8 AS "readAt"
      FROM orders WHERE id = ${orderId} AND product_id = ${productId}`,
  );
  if (row === undefined) return null;
  // A plain value: the driver's row has more to it than an object may be sent.
  const { readAt: _, ...snapshot } = row;
  return { ...snapshot };
}
