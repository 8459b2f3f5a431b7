/**
 * What buyers and the origin ask of orders: hold, pay, cancel. Each reads what its rule needs to know, and applies what the rule decided.
 *
 * Within a `LedgerBatch`, so all or nothing with whatever else is in it.
 */
import { logEvent } from "../../src/log.ts";
import type { FieldError, RefusalOf } from "../../src/refusal.ts";
import { ok, refused, type Result } from "../../src/result.ts";
import { HOARDING_WINDOW_MS, type HoardingHistory, NO_HISTORY } from "./hoarding.ts";
import {
  decideCancellation,
  decideHold,
  decidePayment,
  FORGOTTEN_ROUND,
  type Order,
  type OrderDecision,
} from "./ledger.ts";
import type { LedgerBatch } from "./ledger-batch.ts";
import { timeOfOrderId } from "./order-id.ts";
import type { HoldBackground } from "./order-statements.ts";
import { orderView } from "./order-view.ts";
import type {
  Archived,
  CancelCommand,
  Cause,
  HoldAnswer,
  HoldCommand,
  OrderAnswer,
  OrderSnapshot,
  OrderView,
  PayCommand,
} from "./protocol.ts";
import { findContradiction, mayBeArchived } from "./retention.ts";

/** How long a callback's id is remembered: beyond any sender's retries; the effect itself is idempotent by `paymentId`. */
const CALLBACK_MEMORY_MS = 7 * 24 * 3600 * 1000;

const OTHER_MESSAGE: FieldError = { path: "webhook-id", message: "Was used before for another message" };

export function hold(batch: LedgerBatch, command: HoldCommand): HoldAnswer {
  const { statements, now } = batch;
  const round = batch.current();
  if (round === null) return refused({ code: "not-found" });
  const asked = { ...command, round: round.round, now, since: now - HOARDING_WINDOW_MS };
  let background = statements.orders.background(asked);
  if (background.prior === null && batch.moreOver) {
    batch.sweepFor(command.quantity);
    batch.sweepOf(command.buyerId);
    background = statements.orders.background(asked);
  }
  const prior = background.prior === null ? null : statements.orders.find(background.prior);
  const { openHoldsPerBuyer } = command.hoarding;
  const situation = {
    productId: batch.productId(),
    round: batch.round(round.round),
    prior: prior === null ? null : batch.upToDate(prior),
    buyerUnits: background.buyerUnits,
    openHolds: openHoldsPerBuyer === 0 || background.isNew ? [] : statements.hoarding.openHolds(command.buyerId, now),
    history: prior === null ? historyOf(batch, command, background) : NO_HISTORY,
    // Only a shortage needs to know; the query is spared while there is plenty.
    nextReleaseAt: batch.isShort(command.quantity) ? statements.orders.nextReleaseAt() : null,
  };
  const decision = decideHold(situation, command, batch.tools.newOrderId(), now);
  if (decision.kind === "refused") return refused(decision.refusal);
  if (decision.kind === "replayed") return ok({ order: viewOf(batch, decision.order), replayed: true });
  batch.insert(decision.order, command.cause);
  return ok({ order: orderView(batch.productId(), decision.order, false), replayed: false });
}

/** What the hoarding rules that are on need to know; more is read only where one of them may say no. */
function historyOf(
  { statements, now }: LedgerBatch,
  { buyerId, client, hoarding }: HoldCommand,
  { buyerUnpaidUnitMs, clientUnpaidUnitMs, lapses }: HoldBackground,
): HoardingHistory {
  const since = now - HOARDING_WINDOW_MS;
  const read = statements.hoarding;
  const hasLapsed = hoarding.lapses > 0 && lapses >= hoarding.lapses;
  return {
    buyer: { unitMs: buyerUnpaidUnitMs, ends: () => read.unpaidEnds("buyer_id", buyerId, since) },
    client:
      client === null ? null : { unitMs: clientUnpaidUnitMs, ends: () => read.unpaidEnds("client", client, since) },
    lapsedAt: hasLapsed ? read.lapsedAt(buyerId, since, hoarding.lapses) : [],
    paidAt: hasLapsed ? read.paidAt(buyerId) : null,
  };
}

export function pay(batch: LedgerBatch, command: PayCommand): OrderAnswer {
  return onceForCallback(batch, command, null, (order) => {
    batch.sweepFor(order.quantity);
    const round = batch.knownRound(order.round) ?? FORGOTTEN_ROUND;
    const buyerUnits = batch.statements.orders.buyerUnits(order.buyerId, order.round, batch.now);
    return decidePayment(round, order, command.paymentId, buyerUnits, batch.now);
  });
}

export function cancel(batch: LedgerBatch, command: CancelCommand): OrderAnswer {
  return onceForCallback(batch, command, command.buyerId, (order) => decideCancellation(order, batch.now));
}

/** The order must exist and be the buyer's; a callback that was answered before is answered the same without a second look. */
function onceForCallback(
  batch: LedgerBatch,
  command: PayCommand | CancelCommand,
  buyerId: string | null,
  decide: (order: Order) => OrderDecision,
): OrderAnswer {
  const { statements } = batch;
  const { callback, cause } = command;
  const found = find(batch, command);
  if (!found.ok) return found;
  if (buyerId !== null && found.value.order.buyerId !== buyerId) return refused({ code: "not-found" });
  const order = batch.upToDate(found.value.order);
  const answered = callback === null ? null : statements.callback(callback.webhookId);
  if (callback === null || answered === null) {
    const decision = decide(order);
    if (decision.kind === "changed") {
      if (found.value.hasLeft) batch.readmit(order);
      batch.change(order, decision.order, cause);
    }
    if (callback !== null) {
      const refusedStatus = decision.kind === "refused" ? decision.refusal.status : null;
      statements.insertCallback(callback.webhookId, callback.digest, refusedStatus, batch.now + CALLBACK_MEMORY_MS);
    }
    return decision.kind === "refused" ? refused(decision.refusal) : ok(viewOf(batch, decision.order));
  }
  if (answered.digest !== callback.digest) return refused({ code: "invalid-request", errors: [OTHER_MESSAGE] });
  if (answered.refusedStatus !== null) return refused({ code: "wrong-state", status: answered.refusedStatus });
  return ok(viewOf(batch, order));
}

interface Found {
  readonly order: Order;
  /** It is not stored here any more: only a change brings it back. */
  readonly hasLeft: boolean;
}

/** The order that is stored; or the one that left, as Postgres has it. */
function find(
  batch: LedgerBatch,
  { orderId, snapshot, cause }: PayCommand | CancelCommand,
): Result<Found, RefusalOf<"not-found"> | Archived> {
  const { statements } = batch;
  const stored = statements.exists ? statements.orders.find(orderId) : null;
  if (stored !== null) return ok({ order: stored, hasLeft: false });
  const current = batch.current();
  if (current === null || !mayBeArchived(batch.head(), timeOfOrderId(orderId))) return refused({ code: "not-found" });
  if (snapshot === null) return refused({ code: "archived" });
  const left = batch.knownRound(snapshot.round) === null ? null : statements.archive.countsOf(snapshot.round);
  const count = left === null ? null : (left.get(snapshot.status) ?? NONE_LEFT);
  const expected = { productId: batch.productId(), orderId, currentRound: current.round };
  const contradiction = findContradiction(snapshot, expected, count);
  if (contradiction === null) return ok({ order: orderOf(snapshot, cause), hasLeft: true });
  logEvent("error", "archived-order-differs", { productId: batch.productId(), orderId, contradiction });
  return refused({ code: "not-found" });
}

const NONE_LEFT = { orders: 0, units: 0 };

/** The order as it comes back. Its token is expired, so that its `jti` need not be known: no token has such a one. */
function orderOf(snapshot: OrderSnapshot, cause: Cause): Order {
  const { productId: _, ...order } = snapshot;
  return { ...order, jti: `archived.${snapshot.orderId}`, client: null, cause };
}

function viewOf(batch: LedgerBatch, order: Order): OrderView {
  return orderView(batch.productId(), order, !batch.statements.outbox.isPending(order.orderId));
}
