/**
 * The sale as one buyer sees it: a state, the events that change it, and what follows from it. Pure: no clock, no I/O.
 *
 * The state keeps facts (the product as last told, the buyer's order, what is under way, the last refusal); the phase is
 * derived from them and the gateway's time, so that the two cannot disagree.
 */
import type { Order, OrderStatus, Product, ProductState } from "./documents.ts";
import type { Refusal } from "./outcome.ts";

export type SalePhase =
  /** Nothing is known yet. */
  | "loading"
  /** There is no such product. */
  | "missing"
  /** Nothing is known, and the gateway does not answer. */
  | "unreachable"
  | ProductState
  | "buying"
  | "cancelling"
  | OrderStatus;

export interface Notice {
  readonly refusal: Refusal;
  /** The gateway's time from which trying again makes sense. */
  readonly retryAt?: number;
}

export interface SaleState {
  readonly product?: Product;
  readonly order?: Order;
  /** The round that the order belongs to. */
  readonly orderRound?: number;
  readonly activity: "idle" | "buying" | "cancelling";
  /** Why the last step was refused; for a purchase under way: why it is taking longer. */
  readonly notice?: Notice;
  /** When the next hold's time is over, while everything left is held. */
  readonly nextReleaseAt?: number;
  /** Units that are left of an open round, once an order asked for more of them; unknown otherwise. */
  readonly unitsLeft?: number;
  /** Why the last look at the gateway failed, and how many in a row did. */
  readonly lookFailure?: { readonly refusal: Refusal; readonly times: number };
  /** The gateway's time before which it does not want to be asked. */
  readonly quietUntil?: number;
}

export type SaleEvent =
  | { readonly type: "product-seen"; readonly product: Product }
  | { readonly type: "order-seen"; readonly order: Order }
  | { readonly type: "look-failed"; readonly refusal: Refusal; readonly now: number | undefined }
  /** The gateway does not know the order (any more), or it is another buyer's. */
  | { readonly type: "order-missing" }
  | { readonly type: "buy" }
  | { readonly type: "cancel" }
  | { readonly type: "retrying"; readonly refusal: Refusal }
  | { readonly type: "bought"; readonly order: Order }
  | { readonly type: "refused"; readonly refusal: Refusal; readonly now: number | undefined };

export const INITIAL_STATE: SaleState = { activity: "idle" };

/** The state after an event. An event that does not fit changes nothing. */
export function reduceSale(state: SaleState, event: SaleEvent): SaleState {
  switch (event.type) {
    case "product-seen":
      return withProduct(state, event.product);
    case "order-seen":
    case "bought": {
      const { notice, lookFailure: _failure, quietUntil: _until, unitsLeft, ...rest } = state;
      // A notice stands until something came of the step that it is about.
      const isOld =
        event.type === "order-seen" && state.activity === "idle" && state.order?.status === event.order.status;
      const kept = {
        ...(isOld && notice !== undefined ? { notice } : {}),
        ...(isOld && unitsLeft !== undefined ? { unitsLeft } : {}),
      };
      const round = event.type === "bought" ? state.product?.round : state.orderRound;
      return {
        ...rest,
        ...kept,
        order: event.order,
        activity: "idle",
        ...(round === undefined ? {} : { orderRound: round }),
      };
    }
    case "look-failed": {
      const times = (state.lookFailure?.times ?? 0) + 1;
      return { ...state, lookFailure: { refusal: event.refusal, times }, ...quietUntil(event) };
    }
    case "order-missing": {
      const { order: _order, orderRound: _round, ...rest } = state;
      return rest;
    }
    case "buy":
    case "cancel": {
      const { notice: _notice, ...rest } = state;
      return { ...rest, activity: event.type === "buy" ? "buying" : "cancelling" };
    }
    case "retrying":
      return state.activity === "idle" ? state : { ...state, notice: { refusal: event.refusal } };
    case "refused":
      break;
  }
  return afterRefusal(state, event.refusal, event.now);
}

function withProduct(state: SaleState, product: Product): SaleState {
  const { lookFailure: _failure, quietUntil: _until, nextReleaseAt, unitsLeft, notice, ...rest } = state;
  const isSameRound = state.product === undefined || state.product.round === product.round;
  const isLeft = unitsLeft !== undefined && isSameRound && product.state === "open";
  // Why a click was refused is old news in the next round, and how few were left is once the round does not sell.
  const isNoticeOld =
    state.activity === "idle" &&
    notice !== undefined &&
    (unitsLeftOf(notice.refusal) === undefined
      ? !isSameRound && notice.retryAt === undefined && state.order?.status !== "held"
      : !isLeft);
  const next: SaleState = {
    ...rest,
    product,
    ...(isLeft ? { unitsLeft } : {}),
    ...(notice === undefined || isNoticeOld ? {} : { notice }),
    ...(product.state === "held-out" && nextReleaseAt !== undefined ? { nextReleaseAt } : {}),
  };
  // A new round begins with a clean page; an order that still runs is never taken from the buyer's sight.
  if (next.orderRound === undefined || next.orderRound === product.round || next.order?.status === "held") return next;
  return reduceSale(next, { type: "order-missing" });
}

/** The units that a sold-out refusal leaves for a smaller order, above zero; undefined: none, or another refusal. */
export function unitsLeftOf(refusal: Refusal): number | undefined {
  if (refusal.code !== "sold-out" || refusal.available === undefined) return undefined;
  return refusal.available > 0 ? refusal.available : undefined;
}

/** Some refusals are news about the sale rather than about the attempt: they change the product, not the notice. */
function afterRefusal(state: SaleState, refusal: Refusal, now: number | undefined): SaleState {
  const { notice: _notice, ...rest } = state;
  const left = unitsLeftOf(refusal);
  const idle: SaleState = { ...rest, activity: "idle", ...(left === undefined ? {} : { unitsLeft: left }) };
  const news = idle.product === undefined || state.activity === "cancelling" ? undefined : productNews(refusal);
  if (idle.product !== undefined && news !== undefined) {
    const release =
      refusal.code === "held-out" && refusal.nextReleaseAt !== undefined
        ? { nextReleaseAt: refusal.nextReleaseAt }
        : {};
    return { ...idle, ...release, product: { ...idle.product, ...news }, ...quietUntil({ refusal, now }) };
  }
  const retryAt = now === undefined || refusal.retryAfterMs === undefined ? undefined : now + refusal.retryAfterMs;
  return { ...idle, notice: { refusal, ...(retryAt === undefined ? {} : { retryAt }) } };
}

function productNews(refusal: Refusal): Partial<Product> | undefined {
  const { code } = refusal;
  // The round is open for whoever asks for fewer.
  if (unitsLeftOf(refusal) !== undefined) return undefined;
  if (code === "held-out" || code === "sold-out" || code === "paused") return { state: code };
  if (code === "round-closed") return { state: "closed" };
  if (code !== "too-early") return undefined;
  return { state: "upcoming", ...(refusal.opensAt === undefined ? {} : { opensAt: refusal.opensAt }) };
}

function quietUntil(event: { readonly refusal: Refusal; readonly now: number | undefined }): {
  readonly quietUntil?: number;
} {
  const { retryAfterMs, code } = event.refusal;
  // Held-out's Retry-After is the end of the next hold; a cancellation may free a unit long before it.
  if (retryAfterMs === undefined || event.now === undefined || code === "held-out") return {};
  return { quietUntil: event.now + retryAfterMs };
}

/** The sale's own phase, whatever this buyer is doing. `now`: the gateway's time, if known. */
export function phaseOfProduct(product: Product, now: number | undefined): ProductState {
  if (now === undefined) return product.state;
  if (product.state === "upcoming" && now >= product.opensAt) return now >= product.closesAt ? "closed" : "open";
  if (product.state === "sold-out") return "sold-out";
  return now >= product.closesAt ? "closed" : product.state;
}

/** What the buyer sees. `now`: the gateway's time, if known. */
export function phaseOf(state: SaleState, now: number | undefined): SalePhase {
  if (state.activity !== "idle") return state.activity;
  if (state.order !== undefined) return state.order.status;
  if (state.product !== undefined) return phaseOfProduct(state.product, now);
  if (state.lookFailure === undefined) return "loading";
  return state.lookFailure.refusal.code === "not-found" ? "missing" : "unreachable";
}

/** Whether an order is over without a sale, so that its buyer may try again. */
export function isOrderOver(order: Order): boolean {
  return order.status === "cancelled" || order.status === "expired";
}

/** Whether a click buys now: the round is open, nothing is under way, and no Retry-After is running. */
export function canBuy(state: SaleState, now: number | undefined): boolean {
  if (state.activity !== "idle" || state.product === undefined) return false;
  if (state.order !== undefined && !isOrderOver(state.order)) return false;
  if (state.notice?.retryAt !== undefined && (now === undefined || now < state.notice.retryAt)) return false;
  return phaseOfProduct(state.product, now) === "open";
}

/** Whether the buyer may give the hold back now. */
export function canCancel(state: SaleState, now: number | undefined): boolean {
  if (state.activity !== "idle" || state.order?.status !== "held") return false;
  return now === undefined || now < state.order.holdExpiresAt;
}

/** The next moment, by the gateway's time, at which the phase or what may be done changes by itself. */
export function nextBoundary(state: SaleState, now: number): number | undefined {
  const moments = [
    state.product?.opensAt,
    state.product?.closesAt,
    state.notice?.retryAt,
    state.order?.status === "held" ? state.order.holdExpiresAt : undefined,
  ];
  const ahead = moments.filter((moment): moment is number => moment !== undefined && moment > now);
  return ahead.length === 0 ? undefined : Math.min(...ahead);
}
