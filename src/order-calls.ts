/**
 * Calls about one order, wherever it is: in its product's object, or, finished long ago, in Postgres only.
 *
 * The object is asked first, always: it says whether the order can be one that left. Only then is Postgres asked, so that a
 * made-up id costs it nothing. What is to be changed the object decides then too, by the row of Postgres; nothing is decided here.
 */
import type {
  OrderAnswer,
  OrderRefusal,
  OrderSnapshot,
  OrderView,
  ProductApi,
} from "../durable-objects/product/protocol.ts";
import type { Config } from "./config.ts";
import { callProduct } from "./product-calls.ts";
import type { RefusalOf } from "./refusal.ts";
import { ok, refused, type Result } from "./result.ts";

export interface OrderAddress {
  readonly productId: string;
  readonly orderId: string;
}

/** Reads an order that left its object. Null: Postgres has none of that id and product. */
export type FindArchived = (
  env: Env,
  config: Config,
  order: OrderAddress,
) => Promise<Result<OrderSnapshot | null, RefusalOf<"overloaded">>>;

/** What a call about an order needs of its request. */
export interface OrderCallContext {
  readonly env: Env;
  readonly config: Config;
  readonly findArchived: FindArchived;
}

/** The order as it is; null: there is none. */
export async function readOrder(
  { env, config, findArchived }: OrderCallContext,
  address: OrderAddress,
): Promise<Result<OrderView | null, RefusalOf<"overloaded">>> {
  const called = await callProduct(env, address.productId, "repeatable", (product) => product.order(address.orderId));
  if (!called.ok) return called;
  if (called.value !== "archived") return ok(called.value);
  const found = await findArchived(env, config, address);
  if (!found.ok || found.value === null) return found.ok ? ok(null) : found;
  const { version: _, ...order } = found.value;
  // Nothing leaves before Postgres has all of it.
  return ok({ ...order, delivered: true });
}

/** A step that the object takes: by its own row, or by the row of Postgres where the order had left. */
export async function changeOrder(
  { env, config, findArchived }: OrderCallContext,
  address: OrderAddress,
  call: (product: ProductApi, snapshot: OrderSnapshot | null) => Promise<OrderAnswer>,
): Promise<Result<OrderView, OrderRefusal>> {
  const first = await callOnce(env, address, null, call);
  if (first.ok || first.refusal.code !== "archived") return first as Result<OrderView, OrderRefusal>;
  const found = await findArchived(env, config, address);
  if (!found.ok) return found;
  if (found.value === null) return refused({ code: "not-found" });
  const second = await callOnce(env, address, found.value, call);
  if (second.ok || second.refusal.code !== "archived") return second as Result<OrderView, OrderRefusal>;
  throw new Error("A product object asked twice for an order that left it");
}

async function callOnce(
  env: Env,
  { productId }: OrderAddress,
  snapshot: OrderSnapshot | null,
  call: (product: ProductApi, snapshot: OrderSnapshot | null) => Promise<OrderAnswer>,
): Promise<OrderAnswer> {
  const called = await callProduct(env, productId, "repeatable", (product) => call(product, snapshot));
  return called.ok ? called.value : called;
}
