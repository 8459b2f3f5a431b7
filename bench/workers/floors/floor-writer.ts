/**
 * The least writer: the orders of a batch in one statement, a client for each batch as Workers want it, and then the ledgers'
 * rows acknowledged. The tables are the peers'.
 *
 * What it gives up beside the gateway's writer: events and their versions, one bad order among good ones, dead letters, a breaker.
 */
import postgres from "postgres";
import { arrayLiteral } from "../../../src/origin/array-literal.ts";
import type { FloorEnv, FloorMessage } from "./floor-env.ts";

export async function writeOrders(batch: MessageBatch<string>, env: FloorEnv): Promise<void> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by floor-ledger.ts
  const messages = batch.messages.map(({ body }) => JSON.parse(body) as FloorMessage);
  const orders = messages.flatMap((message) => message.orders);
  const sql = postgres(env.ORIGIN_DB.connectionString, { max: 1, fetch_types: false, prepare: false });
  await sql`
    WITH inserted AS (
      INSERT INTO peers.orders (id, product_id, buyer_id, quantity, status, created_at)
      SELECT id, 'bench', buyer, 1, 'held', to_timestamp(at / 1000.0)
      FROM unnest(
        ${arrayLiteral(orders.map(({ orderId }) => orderId))}::text[],
        ${arrayLiteral(orders.map(({ buyerId }) => buyerId))}::text[],
        ${arrayLiteral(orders.map(({ at }) => at))}::bigint[]
      ) AS o (id, buyer, at)
      ON CONFLICT DO NOTHING
      RETURNING quantity
    )
    UPDATE peers.stock SET available = available - (SELECT coalesce(sum(quantity), 0) FROM inserted) WHERE id = 'bench'`;
  const byLedger = Map.groupBy(messages, ({ ledger }) => ledger);
  await Promise.all(
    [...byLedger].map(([ledger, told]) =>
      env.TELLING_LEDGER.getByName(ledger).acknowledge(told.map(({ first, last }) => ({ first, last }))),
    ),
  );
}
