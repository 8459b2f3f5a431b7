/**
 * What the origin's side tells a product object: which of its events Postgres has, and which wait for an operator.
 * The only place here that calls a Durable Object; one attempt, because the outbox asks again by itself.
 */
import type { ProductApi } from "../../durable-objects/product/protocol.ts";

export type ProductInbox = Pick<ProductApi, "acknowledge" | "park">;

/** The product's object, as far as the origin's side knows it. */
export function productInbox(env: Pick<Env, "PRODUCT">, productId: string): ProductInbox {
  return env.PRODUCT.getByName(productId);
}

/** The ids of the events by product, in the order in which they are given. */
export function groupByProduct(
  events: readonly { readonly productId: string; readonly eventId: string }[],
): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { productId, eventId } of events) {
    const group = groups.get(productId);
    if (group === undefined) groups.set(productId, [eventId]);
    else group.push(eventId);
  }
  return groups;
}
