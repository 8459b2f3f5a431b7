/**
 * What a batch of events does to the origin's rows: the rows as they are and the events in, the rows as they become out.
 *
 * Pure and total: any events, in any order, as often as they like. What makes the result the same in every order:
 * an event counts once, by its id; an order is as its highest version says; the round's stock is as the newest stock
 * event says; held and paid move by what an order's row really changed. Impossible counts mean that an earlier event is still
 * on its way: as many events as the counts allow are applied, in the order of the ledger, and the others are left for
 * later. The table's CHECK says the same once more.
 */
import type { OrderEvent, ProductEvent, StockEvent } from "../../../durable-objects/product/protocol.ts";
import type { OrderStatus } from "../../refusal.ts";
import { isOrderEvent } from "./parse-event.ts";

/** A row of `products`, in units. `claimedRound` is the round that the gateway keeps the row for; 0: not yet ours. */
export interface ProductRow {
  readonly id: string;
  readonly round: number;
  readonly claimedRound: number;
  readonly title: string;
  readonly allocated: number;
  readonly held: number;
  readonly paid: number;
  readonly withdrawn: number;
  readonly stock: number;
  readonly stockVersion: number;
  readonly version: number;
}

/** What the decision needs to know of a row of `orders`. */
export interface OrderRow {
  readonly id: string;
  readonly productId: string;
  readonly round: number;
  readonly buyerId: string;
  readonly version: number;
  readonly status: OrderStatus;
  readonly quantity: number;
}

/** The rows that the batch touches, as they are under lock. */
export interface Rows {
  readonly products: readonly ProductRow[];
  readonly orders: readonly OrderRow[];
  /** Ids of the batch's events that were applied before. */
  readonly appliedBefore: readonly string[];
}

export interface Decision {
  /** Events to record: new ones, each once, in the order of the ledger. */
  readonly record: readonly ProductEvent[];
  /** Orders to write, each as its newest event says. */
  readonly orders: readonly OrderEvent[];
  /** Products to write; `version` is still the one that was read. */
  readonly products: readonly ProductRow[];
  /** Events of a round, or a product, that Postgres has not heard of: its stock event is still on its way. */
  readonly notYet: readonly ProductEvent[];
  /** Events with which the counts would be impossible: an earlier event, which makes room, is still on its way. */
  readonly impossible: readonly ProductEvent[];
  /** Events that give an order to another product, round or buyer than it has: no outbox sends that. */
  readonly contradictory: readonly OrderEvent[];
}

/** Decides what the events change. */
export function decideBatch(rows: Rows, events: readonly ProductEvent[]): Decision {
  const ordered = inLedgerOrder(events);
  const decision = decideTogether(rows, ordered, new Set());
  // Only where all of them together cannot be is each looked at: what is impossible at its step may well be right in the end.
  const crowded = decision.products.filter((row) => !isPossible(row)).map(({ id }) => id);
  return crowded.length === 0 ? decision : decideTogether(rows, ordered, new Set(crowded));
}

/** @param judged products whose counts must be possible after each single event. */
function decideTogether(rows: Rows, events: readonly ProductEvent[], judged: ReadonlySet<string>): Decision {
  const products = new Map(rows.products.map((row) => [row.id, row]));
  const orders = new Map<string, OrderRow>(rows.orders.map((row) => [row.id, row]));
  const changedOrders = new Map<string, OrderEvent>();
  const changedProducts = new Set<string>();
  const seen = new Set(rows.appliedBefore);
  const record: ProductEvent[] = [];
  const notYet: ProductEvent[] = [];
  const impossible: ProductEvent[] = [];
  const contradictory: OrderEvent[] = [];

  for (const event of events) {
    if (seen.has(event.eventId)) continue;
    seen.add(event.eventId);
    const product = products.get(event.productId);
    if (product === undefined || (isOrderEvent(event) && event.round > product.claimedRound)) {
      notYet.push(event);
      continue;
    }
    const before = isOrderEvent(event) ? orders.get(event.orderId) : undefined;
    if (isOrderEvent(event) && before !== undefined && !isSameOrder(before, event)) {
      contradictory.push(event);
      continue;
    }
    const changed = decideChange(product, before, event);
    if (judged.has(product.id) && !isPossible(changed)) {
      impossible.push(event);
      continue;
    }
    record.push(event);
    if (isOrderEvent(event) && isNewer(event, before)) {
      orders.set(event.orderId, { ...event, id: event.orderId });
      changedOrders.set(event.orderId, event);
    }
    if (changed === product) continue;
    products.set(product.id, changed);
    changedProducts.add(product.id);
  }

  return {
    record,
    orders: [...changedOrders.values()],
    products: [...products.values()].filter((row) => changedProducts.has(row.id)),
    notYet,
    impossible,
    contradictory,
  };
}

/** As the table's CHECK has it. */
function isPossible({ allocated, held, paid }: ProductRow): boolean {
  return held >= 0 && paid >= 0 && held + paid <= allocated;
}

function isNewer(event: OrderEvent, order: OrderRow | undefined): boolean {
  return order === undefined || order.version < event.version;
}

function decideChange(product: ProductRow, before: OrderRow | undefined, event: ProductEvent): ProductRow {
  if (!isOrderEvent(event)) return decideStockChange(product, event);
  return isNewer(event, before) ? decideOrderChange(product, before, event) : product;
}

/** The order in which each product's ledger changed; products are apart from one another. */
export function inLedgerOrder(events: readonly ProductEvent[]): ProductEvent[] {
  return events.toSorted((a, b) => (a.productId === b.productId ? a.seq - b.seq : a.productId < b.productId ? -1 : 1));
}

function isSameOrder(order: OrderRow, event: OrderEvent): boolean {
  return order.productId === event.productId && order.round === event.round && order.buyerId === event.buyerId;
}

/** Only orders of the row's own round count in it: an older round's row is gone, its orders remain. */
function decideOrderChange(product: ProductRow, before: OrderRow | undefined, after: OrderEvent): ProductRow {
  if (after.round !== product.claimedRound) return product;
  const held = unitsAs("held", after) - unitsAs("held", before);
  const paid = unitsAs("paid", after) - unitsAs("paid", before);
  if (held === 0 && paid === 0) return product;
  return { ...product, held: product.held + held, paid: product.paid + paid };
}

function unitsAs(status: OrderStatus, order: Pick<OrderRow, "status" | "quantity"> | undefined): number {
  return order?.status === status ? order.quantity : 0;
}

/**
 * A stock event says the whole, so the newest one wins; what it gives back to the origin is an amount, and is added
 * whenever the event is new, however old its round. The first event of a newer round takes the row over for it.
 */
function decideStockChange(product: ProductRow, event: StockEvent): ProductRow {
  const stock = product.stock + event.returned;
  const { round, title, allocated, withdrawn, version: stockVersion } = event;
  if (round > product.claimedRound) {
    const kept = { id: product.id, version: product.version, stock: stock + unclaimedUnits(product) };
    return { ...kept, round, claimedRound: round, title, allocated, withdrawn, held: 0, paid: 0, stockVersion };
  }
  if (round === product.claimedRound && stockVersion > product.stockVersion) {
    return { ...product, title, allocated, withdrawn, stock, stockVersion };
  }
  return stock === product.stock ? product : { ...product, stock };
}

/**
 * Units of a row that is still as the origin inserted it. A row that the gateway has taken over before has none: what is
 * left of its round comes back as `returned`, exactly once. Reading it off the row would count units twice, or count sold
 * units as free, whenever an event of the old round arrives after the first of the new one.
 */
function unclaimedUnits(product: ProductRow): number {
  if (product.claimedRound > 0) return 0;
  return Math.max(0, product.allocated - product.held - product.paid - product.withdrawn);
}
