/** The rows of the product object's tables as they come out of SQLite, and what they are to the rules. Mapping only. */
import type { OrderStatus } from "../../src/refusal.ts";
import type { Order, Round } from "./ledger.ts";

export interface ProductRow extends Record<string, SqlStorageValue> {
  product_id: string;
  round: number;
  seq: number;
  order_retention_ms: number;
  archived_from: number | null;
  archived_through: number | null;
}

export interface RoundRow extends Record<string, SqlStorageValue> {
  round: number;
  title: string;
  price: number;
  currency: string;
  opens_at: number;
  closes_at: number;
  per_buyer_limit: number;
  hold_seconds: number;
  challenges: string;
  gate: string;
  paused: number;
  closed: number;
  stock_source: string;
  version: number;
  allocated: number;
  available: number;
  held: number;
  paid: number;
  withdrawn: number;
  held_orders: number;
  paid_orders: number;
  cancelled_orders: number;
  expired_orders: number;
  refund_due_orders: number;
}

export interface OrderRow extends Record<string, SqlStorageValue> {
  order_id: string;
  round: number;
  jti: string;
  buyer_id: string;
  quantity: number;
  status: string;
  version: number;
  payment_id: string | null;
  hold_expires_at: number;
  created_at: number;
  updated_at: number;
  request_id: string;
  traceparent: string;
  client: string | null;
}

export interface ArchivedRow extends Record<string, SqlStorageValue> {
  status: string;
  orders: number;
  units: number;
}

export interface CallbackRow extends Record<string, SqlStorageValue> {
  digest: string;
  refused_status: string | null;
}

export interface OutboxRow extends Record<string, SqlStorageValue> {
  seq: number;
  body: string;
  attempts: number;
}

export interface AuditRow extends Record<string, SqlStorageValue> {
  at: number;
  request_id: string;
  action: string;
  detail: string;
}

/** The product's head row: which round is current, the last sequence number that an event got, and what of its orders left. */
export interface ProductHead {
  readonly productId: string;
  readonly round: number;
  readonly seq: number;
  /** How long an order that is over stays, in milliseconds. */
  readonly orderRetentionMs: number;
  /** When the first and the last of the orders that left were made, by their ids; null while none has. */
  readonly archivedFrom: number | null;
  readonly archivedThrough: number | null;
}

export function toHead(row: ProductRow): ProductHead {
  return {
    productId: row.product_id,
    round: row.round,
    seq: row.seq,
    orderRetentionMs: row.order_retention_ms,
    archivedFrom: row.archived_from,
    archivedThrough: row.archived_through,
  };
}

/** The moving parts of a round, in the order of `updateBook`. */
export function bookValues(round: Round): SqlStorageValue[] {
  const { ledger, orders } = round;
  return [
    Number(round.paused),
    Number(round.closed),
    round.version,
    ledger.allocated,
    ledger.available,
    ledger.held,
    ledger.paid,
    ledger.withdrawn,
    orders.held,
    orders.paid,
    orders.cancelled,
    orders.expired,
    orders.refund_due,
  ];
}

export function toRound(row: RoundRow): Round {
  return {
    round: row.round,
    title: row.title,
    price: row.price,
    currency: row.currency,
    opensAt: row.opens_at,
    closesAt: row.closes_at,
    perBuyerLimit: row.per_buyer_limit,
    holdSeconds: row.hold_seconds,
    challenges: JSON.parse(row.challenges) as string[],
    gate: row.gate,
    paused: row.paused === 1,
    closed: row.closed === 1,
    stockSource: row.stock_source === "origin" ? "origin" : "operator",
    version: row.version,
    ledger: {
      allocated: row.allocated,
      available: row.available,
      held: row.held,
      paid: row.paid,
      withdrawn: row.withdrawn,
    },
    orders: {
      held: row.held_orders,
      paid: row.paid_orders,
      cancelled: row.cancelled_orders,
      expired: row.expired_orders,
      refund_due: row.refund_due_orders,
    },
  };
}

export function toOrder(row: OrderRow): Order {
  return {
    orderId: row.order_id,
    round: row.round,
    jti: row.jti,
    buyerId: row.buyer_id,
    quantity: row.quantity,
    client: row.client,
    status: row.status as OrderStatus,
    version: row.version,
    paymentId: row.payment_id,
    holdExpiresAt: row.hold_expires_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    cause: { requestId: row.request_id, traceparent: row.traceparent },
  };
}
