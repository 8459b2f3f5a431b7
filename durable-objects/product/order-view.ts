/** An order as its buyer and the origin see it. Pure. */
import { expire, isOver, type Order } from "./ledger.ts";
import type { OrderView } from "./protocol.ts";

/** `delivered`: Postgres has every change of it. A hold whose time is over at `now` is told as expired, whatever is stored. */
export function orderView(productId: string, order: Order, delivered: boolean, now?: number): OrderView {
  const seen = now !== undefined && isOver(order, now) ? expire(order) : order;
  return {
    orderId: seen.orderId,
    productId,
    round: seen.round,
    buyerId: seen.buyerId,
    status: seen.status,
    quantity: seen.quantity,
    paymentId: seen.paymentId,
    holdExpiresAt: seen.holdExpiresAt,
    createdAt: seen.createdAt,
    updatedAt: seen.updatedAt,
    delivered: seen === order && delivered,
  };
}
