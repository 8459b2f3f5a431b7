/**
 * One unit of work on a product: the commands of one transaction, decided by the ledger's rules and written by statements.
 *
 * The caller wraps `begin`, the commands and `finish` in one `transactionSync`, and throws the batch away if that throws:
 * nothing outside the batch may be touched before it is committed. No clock and no randomness in here: both are handed in.
 * Holds that are over are released before the first command is looked at, so expiry never depends on a timer.
 */
import type { FieldError } from "../../src/refusal.ts";
import { ok, refused } from "../../src/result.ts";
import {
  decideCancellation,
  decideHold,
  decidePayment,
  expire,
  isConserved,
  isOver,
  moveUnits,
  type Order,
  type OrderDecision,
  type Round,
} from "./ledger.ts";
import { HOARDING_WINDOW_MS, type HoardingHistory, NO_HISTORY, type UnpaidUse } from "./hoarding.ts";
import { orderEvent, stockEvent } from "./product-events.ts";
import type {
  CallbackId,
  CancelCommand,
  Cause,
  ConfigureCommand,
  HoldAnswer,
  HoldCommand,
  OrderAnswer,
  OrderView,
  PayCommand,
  ProductAnswer,
  ProductEvent,
  RoundAction,
} from "./protocol.ts";
import { productDocument } from "./product-document.ts";
import {
  closeRound,
  configureRound,
  decideOriginPlan,
  decidePlan,
  decideStockChange,
  isFinished,
} from "./round-rules.ts";
import { decideRoundState } from "./round-state.ts";
import type { ProductHead, ProductStatements } from "./statements.ts";

/** How long a callback's id is remembered: beyond any sender's retries; the effect itself is idempotent by `paymentId`. */
const CALLBACK_MEMORY_MS = 7 * 24 * 3600 * 1000;
/** Holds that one batch releases before it looks at its commands: bounds how long the object is deaf when many end at once. */
const SWEEP_CHUNK = 500;

/** The conservation law did not hold: the batch is rolled back whole. A defect, never a buyer's doing. */
export class LedgerBrokenError extends Error {
  override readonly name = "LedgerBrokenError";
  readonly code = "ledger-broken";
  readonly round: number;

  constructor(round: Round) {
    super(`The stock book of round ${round.round} does not balance: ${JSON.stringify(round.ledger)}`);
    this.round = round.round;
  }
}

export interface BatchTools {
  readonly now: number;
  readonly newOrderId: () => string;
  readonly newGate: () => string;
  /** How long the writer may take to acknowledge an event before it is sent again, in milliseconds. */
  readonly resendAfterMs: number;
}

export class LedgerBatch {
  readonly #statements: ProductStatements;
  readonly #tools: BatchTools;
  readonly #rounds = new Map<number, Round>();
  readonly #touched = new Set<number>();
  #head: ProductHead | null = null;
  #headTouched = false;
  #moreOver = false;

  /** What the batch wrote to the outbox: to be sent once it is committed. */
  readonly events: ProductEvent[] = [];
  /** The tokens that made an order in this batch. */
  readonly spent: string[] = [];
  /** Whether holds that are over are left to be released: the caller begins another batch soon. */
  get moreOver(): boolean {
    return this.#moreOver;
  }

  constructor(statements: ProductStatements, tools: BatchTools) {
    this.#statements = statements;
    this.#tools = tools;
  }

  begin(): void {
    this.#statements.refresh();
    if (!this.#statements.exists) return;
    this.#head = this.#statements.head();
    this.#sweep();
    this.#closeFinished();
  }

  #closeFinished(): void {
    const current = this.#current();
    if (current !== null && isFinished(current, this.#tools.now)) this.#close(current, SWEEP);
  }

  /** Releases holds that are over, some at a time; whoever still lacks units calls it again. */
  #sweep(): void {
    const over = this.#statements.holdsOver(this.#tools.now, SWEEP_CHUNK);
    for (const order of over) this.#change(order, expire(order), order.cause);
    this.#moreOver = over.length === SWEEP_CHUNK;
  }

  /** Releases as many more as it takes until `quantity` units are available: nobody is refused what no hold keeps. */
  #sweepFor(quantity: number): void {
    while (this.#moreOver && this.#isShort(quantity)) this.#sweep();
  }

  /**
   * Releases the buyer's own, where the sweep is still on its way to them: what he let lapse counts at once. What other buyers of
   * his client let lapse may count some commits later, while more holds end together than one batch releases.
   */
  #sweepOf(buyerId: string): void {
    if (!this.#moreOver) return;
    for (const order of this.#statements.holdsOverOf(buyerId, this.#tools.now)) this.#upToDate(order);
  }

  /** Releases and closes all that the clock has ended, however much it is: an operator's step is rare, and looks at the whole. */
  #settle(): void {
    while (this.#moreOver) this.#sweep();
    this.#closeFinished();
  }

  hold(command: HoldCommand): HoldAnswer {
    const round = this.#current();
    if (round === null) return refused({ code: "not-found" });
    const prior = this.#statements.orderOfToken(command.jti);
    if (prior === null) this.#sweepFor(command.quantity);
    if (prior === null) this.#sweepOf(command.buyerId);
    const { openHoldsPerBuyer } = command.hoarding;
    const situation = {
      productId: this.#productId(),
      round: this.#round(round.round),
      prior: prior === null ? null : this.#upToDate(prior),
      buyerUnits: this.#statements.buyerUnits(command.buyerId, round.round, this.#tools.now),
      openHolds: openHoldsPerBuyer === 0 ? [] : this.#statements.openHolds(command.buyerId, this.#tools.now),
      history: prior === null ? this.#historyOf(command) : NO_HISTORY,
      // Only a shortage needs to know; the query is spared while there is plenty.
      nextReleaseAt: this.#isShort(command.quantity) ? this.#statements.nextReleaseAt() : null,
    };
    const decision = decideHold(situation, command, this.#tools.newOrderId(), this.#tools.now);
    if (decision.kind === "refused") return refused(decision.refusal);
    if (decision.kind === "replayed") return ok({ order: this.#view(decision.order), replayed: true });
    const { order } = decision;
    this.#statements.insertOrder(order);
    this.#book(situation.round, null, order);
    this.#emitOrder(order, command.cause);
    this.spent.push(command.jti);
    return ok({ order: orderView(this.#productId(), order, false), replayed: false });
  }

  /** What the hoarding rules that are on need to know; a rule that is off costs no query. */
  #historyOf({ buyerId, client, hoarding }: HoldCommand): HoardingHistory {
    const since = this.#tools.now - HOARDING_WINDOW_MS;
    const { unpaidUnitSecondsPerBuyer, unpaidUnitSecondsPerClient, lapses } = hoarding;
    const lapsedAt = lapses === 0 ? [] : this.#statements.lapsedAt(buyerId, since, lapses);
    return {
      buyer: unpaidUnitSecondsPerBuyer === 0 ? null : this.#unpaidUse("buyer_id", buyerId, since),
      client: unpaidUnitSecondsPerClient === 0 || client === null ? null : this.#unpaidUse("client", client, since),
      lapsedAt,
      paidAt: lapsedAt.length === 0 ? null : this.#statements.paidAt(buyerId),
    };
  }

  #unpaidUse(by: "buyer_id" | "client", who: string, since: number): UnpaidUse {
    return {
      unitMs: this.#statements.unpaidUnitMs(by, who, since),
      ends: () => this.#statements.unpaidEnds(by, who, since),
    };
  }

  pay(command: PayCommand): OrderAnswer {
    return this.#onceForCallback(command.callback, command.orderId, null, (order) => {
      this.#sweepFor(order.quantity);
      const round = this.#round(order.round);
      const buyerUnits = this.#statements.buyerUnits(order.buyerId, order.round, this.#tools.now);
      const decision = decidePayment(round, order, command.paymentId, buyerUnits, this.#tools.now);
      return this.#apply(order, decision, command.cause);
    });
  }

  cancel(command: CancelCommand): OrderAnswer {
    return this.#onceForCallback(command.callback, command.orderId, command.buyerId, (order) =>
      this.#apply(order, decideCancellation(order, this.#tools.now), command.cause),
    );
  }

  configure(command: ConfigureCommand): ProductAnswer {
    this.#settle();
    const { now } = this.#tools;
    const current = this.#current();
    const decide = command.originRound === null ? decidePlan : decideOriginPlan;
    const plan = decide(current, command.rulesFrozenSeconds, now);
    if (plan.kind === "refused") return refused(plan.refusal);
    if (command.originRound !== null && command.originRound !== plan.round) {
      return refused({ code: "wrong-state", status: "open", detail: "Another round was set in the meantime" });
    }
    if (!this.#statements.exists) this.#statements.createSchema();
    const { round, returned } = configureRound(current, plan, command, this.#tools.newGate());
    this.#statements.insertRound(round);
    this.#head = { productId: command.id, round: round.round, seq: this.#head?.seq ?? 0 };
    this.#headTouched = true;
    this.#write(round);
    this.#emitStock("stock.allocated", round, returned, command.cause);
    const { rules, stock, originRound } = command;
    this.#audit(plan.kind === "next" ? "begin-round" : "change-round", command.cause, { rules, stock, originRound });
    return ok(this.#document(round));
  }

  act(action: RoundAction, cause: Cause): ProductAnswer {
    this.#settle();
    const round = this.#current();
    if (round === null) return refused({ code: "not-found" });
    if (action === "close") {
      if (!round.closed) {
        for (const order of this.#statements.holdsOf(round.round)) {
          const decision = decideCancellation(order, this.#tools.now);
          if (decision.kind === "changed") this.#change(order, decision.order, cause);
        }
        this.#close(this.#round(round.round), cause);
      }
    } else {
      const state = decideRoundState({ ...round, ...round.ledger }, this.#tools.now);
      if (state === "closed") return refused({ code: "wrong-state", status: state });
      const paused = action === "pause";
      if (round.paused !== paused) this.#write({ ...round, paused, version: round.version + 1 });
    }
    this.#audit(action, cause, { round: round.round });
    return ok(this.#document(this.#round(round.round)));
  }

  changeStock(delta: number, cause: Cause): ProductAnswer {
    this.#settle();
    const round = this.#current();
    if (round === null) return refused({ code: "not-found" });
    const decision = decideStockChange(round, delta, this.#tools.now);
    if (decision.kind === "refused") return refused(decision.refusal);
    this.#write(decision.round);
    this.#emitStock("stock.changed", decision.round, decision.returned, cause);
    this.#audit("stock", cause, { round: round.round, delta });
    return ok(this.#document(decision.round));
  }

  acknowledge(eventIds: readonly string[]): void {
    if (!this.#statements.exists) return;
    for (const eventId of eventIds) this.#statements.deleteEvent(eventId);
  }

  park(eventIds: readonly string[]): void {
    if (!this.#statements.exists) return;
    for (const eventId of eventIds) this.#statements.parkEvent(eventId);
  }

  /** Forgets what nobody asks for any more. */
  tidy(): void {
    if (this.#statements.exists) this.#statements.deleteCallbacksOver(this.#tools.now);
  }

  /** Writes the stock books, after the law was asserted. */
  finish(): void {
    for (const number of this.#touched) {
      const round = this.#round(number);
      if (!isConserved(round.ledger)) throw new LedgerBrokenError(round);
      this.#statements.updateBook(round);
    }
    if (this.#headTouched && this.#head !== null) this.#statements.writeHead(this.#head);
  }

  #apply(order: Order, decision: OrderDecision, cause: Cause): OrderAnswer {
    if (decision.kind === "refused") return refused(decision.refusal);
    if (decision.kind === "changed") this.#change(order, decision.order, cause);
    return ok(this.#view(decision.order));
  }

  /** The order must exist and be the buyer's; a callback that was answered before is answered the same without a second look. */
  #onceForCallback(
    callback: CallbackId | null,
    orderId: string,
    buyerId: string | null,
    decide: (order: Order) => OrderAnswer,
  ): OrderAnswer {
    const stored = this.#statements.exists ? this.#statements.order(orderId) : null;
    if (stored === null || (buyerId !== null && stored.buyerId !== buyerId)) return refused({ code: "not-found" });
    const order = this.#upToDate(stored);
    const answered = callback === null ? null : this.#statements.callback(callback.webhookId);
    if (callback === null || answered === null) {
      const answer = decide(order);
      if (callback !== null) {
        const refusedStatus = !answer.ok && answer.refusal.code === "wrong-state" ? answer.refusal.status : null;
        const expiresAt = this.#tools.now + CALLBACK_MEMORY_MS;
        this.#statements.insertCallback(callback.webhookId, callback.digest, refusedStatus, expiresAt);
      }
      return answer;
    }
    if (answered.digest !== callback.digest) {
      return refused({ code: "invalid-request", errors: [OTHER_MESSAGE] });
    }
    if (answered.refusedStatus !== null) return refused({ code: "wrong-state", status: answered.refusedStatus });
    return ok(this.#view(order));
  }

  #isShort(quantity: number): boolean {
    const round = this.#current();
    return round !== null && quantity > round.ledger.available;
  }

  /** The order after the sweep that it may still be waiting for. */
  #upToDate(order: Order): Order {
    if (!isOver(order, this.#tools.now)) return order;
    const expired = expire(order);
    this.#change(order, expired, order.cause);
    return expired;
  }

  /** An order's next version: its row, its units, its event. */
  #change(before: Order, after: Order, cause: Cause): void {
    this.#statements.updateOrder(after);
    this.#book(this.#round(before.round), before, after);
    this.#emitOrder(after, cause);
  }

  #book(round: Round, before: Order | null, after: Order): void {
    const orders = { ...round.orders };
    if (before !== null) orders[before.status] -= 1;
    orders[after.status] += 1;
    const ledger = moveUnits(round.ledger, before?.status ?? null, after.status, after.quantity);
    this.#write({ ...round, ledger, orders });
  }

  #close(round: Round, cause: Cause): void {
    const closed = closeRound(round);
    this.#write(closed.round);
    this.#emitStock("stock.closed", closed.round, closed.returned, cause);
  }

  #write(round: Round): void {
    this.#rounds.set(round.round, round);
    this.#touched.add(round.round);
  }

  #current(): Round | null {
    return this.#head === null ? null : this.#round(this.#head.round);
  }

  #round(number: number): Round {
    const round = this.#rounds.get(number) ?? this.#statements.round(number);
    if (round === null) throw new Error(`Round ${number} is named by a row, but is not stored`);
    this.#rounds.set(number, round);
    return round;
  }

  #productId(): string {
    if (this.#head === null) throw new Error("A product without a head row was written to");
    return this.#head.productId;
  }

  #nextSeq(): number {
    if (this.#head === null) throw new Error("A product without a head row sent an event");
    this.#head = { ...this.#head, seq: this.#head.seq + 1 };
    this.#headTouched = true;
    return this.#head.seq;
  }

  #emitOrder(order: Order, cause: Cause): void {
    this.#emit(orderEvent(this.#productId(), order, this.#nextSeq(), cause, this.#tools.now));
  }

  #emitStock(
    type: "stock.allocated" | "stock.changed" | "stock.closed",
    round: Round,
    returned: number,
    cause: Cause,
  ): void {
    this.#emit(stockEvent(this.#productId(), type, round, returned, this.#nextSeq(), cause, this.#tools.now));
  }

  #emit(event: ProductEvent): void {
    this.#statements.insertEvent(event, JSON.stringify(event), this.#tools.now + this.#tools.resendAfterMs);
    this.events.push(event);
  }

  /** An operator's step that happened elsewhere. */
  record(action: string, detail: unknown, cause: Cause): void {
    if (this.#statements.exists) this.#audit(action, cause, detail);
  }

  #audit(action: string, cause: Cause, detail: unknown): void {
    this.#statements.insertAudit({ at: this.#tools.now, requestId: cause.requestId, action, detail });
  }

  #view(order: Order): OrderView {
    // Before the order's own product is known to exist nothing was stored, so there is no order either.
    return orderView(this.#productId(), order, !this.#statements.isPending(order.orderId));
  }

  #document(round: Round) {
    return productDocument(this.#productId(), round, this.#statements.pending(), this.#tools.now);
  }
}

/** Who caused it when no request did: the clock. */
const SWEEP: Cause = { requestId: "sweep", traceparent: "" };

const OTHER_MESSAGE: FieldError = { path: "webhook-id", message: "Was used before for another message" };

/** The order as its buyer and the origin see it. A hold whose time is over at `now` is told as expired, whatever is stored. */
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
