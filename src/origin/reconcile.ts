/**
 * Looks after the products from outside, by the clock: asks each for its stock book and compares it with Postgres.
 *
 * Being asked wakes an object, and waking sets its alarm again if work is pending: so an outbox goes on even if the platform
 * lost the alarm (F4). A difference with an empty outbox is a defect, or somebody wrote to the writer's rows; it is logged, never mended by itself.
 */
import type { ProductDocument } from "../../durable-objects/product/protocol.ts";
import type { WriterConfig } from "../config.ts";
import { callProduct } from "../product-calls.ts";
import { logEvent } from "../log.ts";
import { openDatabase, transact } from "./database.ts";

/** Products looked at in one run, the most recently changed first. */
const PRODUCTS_MAX = 200;

export interface OriginBook {
  readonly id: string;
  readonly round: number;
  readonly allocated: number;
  readonly held: number;
  readonly paid: number;
  readonly withdrawn: number;
}

/** Where the two books differ; null when they agree, or when it cannot be said because events are still on their way. */
export function compareBooks(origin: OriginBook, product: ProductDocument): string | null {
  if (product.outbox.pending > 0) return null;
  const parts = ["round", "allocated", "held", "paid", "withdrawn"] as const;
  const different = parts.filter((part) => origin[part] !== product[part]);
  if (different.length === 0) return null;
  return different.map((part) => `${part}: ${product[part]} in the ledger, ${origin[part]} in Postgres`).join("; ");
}

export async function reconcile(env: Env, config: WriterConfig): Promise<void> {
  const database = openDatabase(env.ORIGIN_DB.connectionString, config.timeoutMs);
  const books = await transact(
    database,
    (sql) => sql<OriginBook[]>`
      SELECT id, round, allocated, held, paid, withdrawn FROM products
      WHERE round > 0 ORDER BY updated_at DESC LIMIT ${PRODUCTS_MAX}`,
  );
  for (const book of books) {
    const called = await callProduct(env, book.id, "repeatable", (product) => product.document());
    if (!called.ok || called.value === null) continue;
    const difference = compareBooks(book, called.value);
    if (difference !== null) logEvent("error", "ledger-differs", { productId: book.id, difference });
  }
}
