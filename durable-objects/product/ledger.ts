/**
 * The ledger's rules: what a hold, a payment, a cancellation and the end of a hold do to a round's stock book.
 *
 * Pure: state, request and `now` in, decision out. No clock, no randomness, no storage. Every change of stock goes
 * through `moveUnits`, `addUnits` or `withdrawUnits`, which keep `allocated = available + held + paid + withdrawn`.
 */
import type { OrderStatus, RefusalOf } from "../../src/refusal.ts";
import { decideHoarding, type HoardingHistory } from "./hoarding.ts";
import type { Cause, HoardingRules, HoldCommand, HoldRefusal, Ledger, RoundRules } from "./protocol.ts";
import { decideRoundState, PAUSED_RETRY_SECONDS, secondsUntil } from "./round-state.ts";

export interface OrderCounts {
  readonly held: number;
  readonly paid: number;
  readonly cancelled: number;
  readonly expired: number;
  readonly refund_due: number;
}

/** A round with its rules, its stock book and the number of its orders by status. */
export interface Round extends RoundRules {
  readonly round: number;
  readonly gate: string;
  readonly paused: boolean;
  readonly closed: boolean;
  readonly stockSource: "operator" | "origin";
  readonly ledger: Ledger;
  readonly orders: OrderCounts;
  /** Counts up with every change of rules or stock by the operator. */
  readonly version: number;
}

export interface Order {
  readonly orderId: string;
  readonly round: number;
  readonly jti: string;
  readonly buyerId: string;
  readonly quantity: number;
  /** A digest of the client that asked for it; null where clients are not counted. */
  readonly client: string | null;
  readonly status: OrderStatus;
  readonly version: number;
  readonly paymentId: string | null;
  readonly holdExpiresAt: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** The request that made the order: later events that no request causes carry it on. */
  readonly cause: Cause;
}

/** Where an order's units stand in the book; null: they are not the order's any more. */
const PLACE: { readonly [Status in OrderStatus]: "held" | "paid" | null } = {
  held: "held",
  paid: "paid",
  cancelled: null,
  expired: null,
  refund_due: null,
};

/** The book after `quantity` units of an order went from one status to another; `from` is null for a new order. */
export function moveUnits(ledger: Ledger, from: OrderStatus | null, to: OrderStatus, quantity: number): Ledger {
  const source = (from === null ? null : PLACE[from]) ?? "available";
  const target = PLACE[to] ?? "available";
  if (source === target) return ledger;
  return { ...ledger, [source]: ledger[source] - quantity, [target]: ledger[target] + quantity };
}

export function addUnits(ledger: Ledger, units: number): Ledger {
  return { ...ledger, allocated: ledger.allocated + units, available: ledger.available + units };
}

/** Units that are available are taken out of the sale. They stay allocated: the book remembers them as withdrawn. */
export function withdrawUnits(ledger: Ledger, units: number): Ledger {
  return { ...ledger, available: ledger.available - units, withdrawn: ledger.withdrawn + units };
}

/** The conservation law, and that no part of the book is negative. */
export function isConserved(ledger: Ledger): boolean {
  const { allocated, available, held, paid, withdrawn } = ledger;
  const parts = [allocated, available, held, paid, withdrawn];
  return (
    parts.every((part) => Number.isSafeInteger(part) && part >= 0) && allocated === available + held + paid + withdrawn
  );
}

export interface HoldSituation {
  readonly productId: string;
  readonly round: Round;
  /** The order that the same purchase token made before. */
  readonly prior: Order | null;
  /** Units of this round that the buyer holds or has paid. */
  readonly buyerUnits: number;
  /** The buyer's running holds, the first to end first; empty where the rule is off. */
  readonly openHolds: readonly Order[];
  readonly history: HoardingHistory;
  /** When the first of the present holds is over; null when nothing is held. */
  readonly nextReleaseAt: number | null;
}

export type HoldRequest = HoldCommand;

export type HoldDecision =
  | { readonly kind: "held"; readonly order: Order }
  | { readonly kind: "replayed"; readonly order: Order }
  | { readonly kind: "refused"; readonly refusal: HoldRefusal };

function refuse(refusal: HoldRefusal): HoldDecision {
  return { kind: "refused", refusal };
}

/**
 * Whether stock is set aside for an order. Holds that are over at `now` must have been released before.
 *
 * The same token finds its order before anything else is asked: also when the round is closed, paused or sold out since.
 */
export function decideHold(situation: HoldSituation, request: HoldRequest, orderId: string, now: number): HoldDecision {
  const { round, prior } = situation;
  if (prior !== null) {
    if (prior.buyerId !== request.buyerId) return refuse({ code: "token-invalid" });
    if (prior.quantity !== request.quantity) return refuse({ code: "token-mismatch" });
    return { kind: "replayed", order: prior };
  }
  if (request.round !== round.round) {
    return refuse(request.round < round.round ? { code: "round-closed" } : { code: "token-invalid" });
  }
  const state = decideRoundState({ ...round, ...round.ledger }, now);
  if (state === "closed") return refuse({ code: "round-closed" });
  if (state === "upcoming") {
    return refuse({ code: "too-early", opensAt: round.opensAt, retryAfterSeconds: secondsUntil(round.opensAt, now) });
  }
  if (state === "paused") return refuse({ code: "paused", retryAfterSeconds: PAUSED_RETRY_SECONDS });
  const open = blockingHold(request.hoarding, situation.openHolds);
  if (open !== null) {
    const { orderId: openId, holdExpiresAt } = open;
    const retryAfterSeconds = secondsUntil(holdExpiresAt, now);
    return refuse({ code: "hold-open", productId: situation.productId, orderId: openId, retryAfterSeconds });
  }
  if (situation.buyerUnits + request.quantity > round.perBuyerLimit) {
    return refuse({ code: "buyer-limit", perBuyerLimit: round.perBuyerLimit });
  }
  const hoarding = decideHoarding(request.hoarding, situation.history, now);
  if (hoarding !== null) return refuse(hoarding);
  if (request.quantity > round.ledger.available) return refuse(decideShortage(situation, request.quantity, now));
  return {
    kind: "held",
    order: {
      orderId,
      round: round.round,
      jti: request.jti,
      buyerId: request.buyerId,
      quantity: request.quantity,
      client: request.client,
      status: "held",
      version: 1,
      paymentId: null,
      holdExpiresAt: now + round.holdSeconds * 1000,
      createdAt: now,
      updatedAt: now,
      cause: request.cause,
    },
  };
}

/** The hold whose end makes room for another one; null: there is room. */
function blockingHold({ openHoldsPerBuyer }: HoardingRules, openHolds: readonly Order[]): Order | null {
  if (openHoldsPerBuyer === 0 || openHolds.length < openHoldsPerBuyer) return null;
  return openHolds[openHolds.length - openHoldsPerBuyer] ?? null;
}

/** Not enough is available: held out while what is held could still make it enough, otherwise sold out. */
function decideShortage(situation: HoldSituation, quantity: number, now: number): HoldRefusal {
  const { available, held } = situation.round.ledger;
  const { nextReleaseAt } = situation;
  if (nextReleaseAt !== null && quantity <= available + held) {
    return { code: "held-out", nextReleaseAt, retryAfterSeconds: secondsUntil(nextReleaseAt, now) };
  }
  return { code: "sold-out", available };
}

/** A hold whose time is over at `now` counts no more, whatever any timer did. */
export function isOver(order: Order, now: number): boolean {
  return order.status === "held" && now >= order.holdExpiresAt;
}

function change(order: Order, status: OrderStatus, now: number, paymentId = order.paymentId): Order {
  return { ...order, status, paymentId, version: order.version + 1, updatedAt: now };
}

/** The order after its hold's time was over: the change dates from the hold's end, not from when it was noticed. */
export function expire(order: Order): Order {
  return change(order, "expired", order.holdExpiresAt);
}

export type OrderDecision =
  | { readonly kind: "changed"; readonly order: Order }
  | { readonly kind: "unchanged"; readonly order: Order }
  | { readonly kind: "refused"; readonly refusal: RefusalOf<"wrong-state"> };

/** What a payment asks of its order's round. */
export type RoundOfPayment = Pick<Round, "perBuyerLimit"> & { readonly ledger: Pick<Ledger, "available"> };

/** A round that was forgotten was closed long before: nothing of it is available. */
export const FORGOTTEN_ROUND: RoundOfPayment = { perBuyerLimit: 0, ledger: { available: 0 } };

/**
 * Money came for an order. While it is held: paid. Came it too late, it still takes units if there are any and the buyer
 * stays within his cap (otherwise letting holds lapse and paying late would be a way around it); else the money is due back.
 */
export function decidePayment(
  round: RoundOfPayment,
  order: Order,
  paymentId: string,
  buyerUnits: number,
  now: number,
): OrderDecision {
  switch (order.status) {
    case "paid":
    case "refund_due":
      if (order.paymentId === paymentId) return { kind: "unchanged", order };
      return { kind: "refused", refusal: { code: "wrong-state", status: order.status } };
    case "held":
      return { kind: "changed", order: change(order, "paid", now, paymentId) };
    case "cancelled":
    case "expired": {
      const fits = order.quantity <= round.ledger.available && buyerUnits + order.quantity <= round.perBuyerLimit;
      return { kind: "changed", order: change(order, fits ? "paid" : "refund_due", now, paymentId) };
    }
  }
}

/** A hold is given up. Of an order that holds nothing any more nothing changes; a paid one is not ours to cancel. */
export function decideCancellation(order: Order, now: number): OrderDecision {
  switch (order.status) {
    case "held":
      return { kind: "changed", order: change(order, "cancelled", now) };
    case "cancelled":
    case "expired":
      return { kind: "unchanged", order };
    case "paid":
    case "refund_due":
      return { kind: "refused", refusal: { code: "wrong-state", status: order.status } };
  }
}
