/** Events as a product object's outbox sends them, for tests: valid ones, to change one field at a time. */
import type { OrderEvent, ProductEvent, StockEvent } from "../../../durable-objects/product/protocol.ts";

const CAUSE = { requestId: "request-1", traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };

/** 2026-11-22T00:00:00Z, in ms. */
export const NOON = 1_795_305_600_000;

export function stockEvent(fields: Partial<StockEvent> = {}): StockEvent {
  const { productId = "lamp", round = 1, version = 1 } = fields;
  return {
    type: "stock.allocated",
    eventId: `${productId}.${round}.${version}`,
    productId,
    round,
    version,
    seq: 1,
    at: NOON,
    title: "Lamp",
    allocated: 10,
    withdrawn: 0,
    returned: 0,
    ...CAUSE,
    ...fields,
  };
}

export function orderEvent(fields: Partial<OrderEvent> = {}): OrderEvent {
  const { orderId = "order-1", version = 1, status = "held" } = fields;
  return {
    type: `order.${status}`,
    eventId: `${orderId}.${version}`,
    productId: "lamp",
    round: 1,
    orderId,
    version,
    seq: 2,
    at: NOON + 1000,
    buyerId: "buyer-1",
    quantity: 1,
    status,
    paymentId: status === "paid" ? "payment-1" : null,
    holdExpiresAt: NOON + 600_000,
    createdAt: NOON + 1000,
    ...CAUSE,
    ...fields,
  };
}

/** What a product's object would decide for its history of one or two rounds: a ledger that is right at every step. */
export interface History {
  readonly events: readonly ProductEvent[];
  readonly product: {
    readonly round: number;
    readonly allocated: number;
    readonly held: number;
    readonly paid: number;
    readonly withdrawn: number;
    readonly stock: number;
  };
  /** Status by order id. */
  readonly orders: Readonly<Record<string, string>>;
}

/** One step of a history: buy, then pay, cancel or expire an earlier order, or change the stock, or begin the next round. */
export interface Step {
  readonly kind: "hold" | "pay" | "cancel" | "expire" | "withdraw" | "next-round";
  /** Which of the open orders, or how many units; taken modulo what there is. */
  readonly pick: number;
}

/** Plays steps against a model of the ledger; impossible steps are left out. */
export function playHistory(productId: string, allocated: number, steps: readonly Step[]): History {
  const events: ProductEvent[] = [];
  const orders = new Map<string, OrderEvent>();
  let ledger = { allocated, held: 0, paid: 0, withdrawn: 0 };
  let round = 1;
  let version = 0;
  let stock = 0;
  const seq = (): number => events.length + 1;
  const tellStock = (type: StockEvent["type"], returned: number): void => {
    version += 1;
    stock += returned;
    events.push(
      stockEvent({
        type,
        productId,
        round,
        version,
        seq: seq(),
        returned,
        allocated: ledger.allocated,
        withdrawn: ledger.withdrawn,
      }),
    );
  };
  const tellOrder = (fields: Partial<OrderEvent>): void => {
    const event = orderEvent({ productId, round, seq: seq(), ...fields });
    orders.set(event.orderId, event);
    events.push(event);
  };
  const end = (order: OrderEvent, status: "paid" | "cancelled" | "expired"): void => {
    ledger = {
      ...ledger,
      held: ledger.held - order.quantity,
      paid: ledger.paid + (status === "paid" ? order.quantity : 0),
    };
    tellOrder({
      ...order,
      seq: seq(),
      status,
      type: `order.${status}`,
      version: order.version + 1,
      eventId: `${order.orderId}.${order.version + 1}`,
    });
  };
  const open = (): OrderEvent[] => [...orders.values()].filter((order) => order.status === "held");
  const available = (): number => ledger.allocated - ledger.held - ledger.paid - ledger.withdrawn;

  tellStock("stock.allocated", 0);
  for (const { kind, pick } of steps) {
    const order = open()[pick % Math.max(1, open().length)];
    if (kind === "hold") {
      const quantity = 1 + (pick % 2);
      if (quantity > available()) continue;
      ledger = { ...ledger, held: ledger.held + quantity };
      const orderId = `${productId}-${orders.size}`;
      tellOrder({ orderId, eventId: `${orderId}.1`, quantity, buyerId: `buyer-${pick}` });
    } else if (kind === "withdraw") {
      const units = Math.min(available(), pick % 3);
      if (units === 0) continue;
      ledger = { ...ledger, withdrawn: ledger.withdrawn + units };
      tellStock("stock.changed", units);
    } else if (kind === "next-round") {
      for (const each of open()) end(each, "cancelled");
      const left = available();
      ledger = { ...ledger, withdrawn: ledger.withdrawn + left };
      tellStock("stock.closed", left);
      round += 1;
      ledger = { allocated, held: 0, paid: 0, withdrawn: 0 };
      tellStock("stock.allocated", 0);
    } else if (order !== undefined) {
      end(order, kind === "pay" ? "paid" : kind === "cancel" ? "cancelled" : "expired");
    }
  }
  return {
    events,
    product: { round, ...ledger, stock },
    orders: Object.fromEntries([...orders].map(([id, order]) => [id, order.status])),
  };
}
