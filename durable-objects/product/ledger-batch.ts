/**
 * One unit of work on a product: what the commands of one transaction share. Rounds as they become, the sweep, the events.
 *
 * The commands are in `order-commands.ts` and `round-commands.ts`. The caller wraps `begin`, the commands and `finish` in one
 * `transactionSync`, or takes back by `undo` what they wrote (decision 0039), and throws the batch away if they throw: nothing
 * outside the batch may be touched before it is committed. No clock and no randomness in here: both are handed in. Holds that
 * are over are released before the first command is looked at, so expiry never depends on a timer.
 */
import { expire, isConserved, isOver, moveUnits, type Order, type Round } from "./ledger.ts";
import { orderEvent, stockEvent } from "./product-events.ts";
import type { Cause, ProductEvent, StockEvent } from "./protocol.ts";
import { closeRound, isFinished } from "./round-rules.ts";
import { timeOfOrderId } from "./order-id.ts";
import { widen } from "./retention.ts";
import type { ProductHead } from "./rows.ts";
import type { ProductStatements } from "./statements.ts";
import type { EndedOrder } from "./archive-statements.ts";

/** Holds that one batch releases before it looks at its commands: bounds how long the object is deaf when many end at once. */
const SWEEP_CHUNK = 500;

/** Who caused it when no request did: the clock. */
const SWEEP: Cause = { requestId: "sweep", traceparent: "" };

/** Before the first round. */
const NO_HEAD = { seq: 0, archivedFrom: null, archivedThrough: null };

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

/**
 * What one batch leaves to the next once it is committed, so that it need not be read again. Never kept when a commit failed:
 * the rows are the truth, and whoever has no books reads them.
 */
export interface Books {
  readonly head: ProductHead;
  readonly current: Round;
  /** Before this nothing is over: no hold, and not the round. May be too early, never too late; null: nothing is open. */
  readonly dueAt: number | null;
}

export class LedgerBatch {
  /** The commands read by it; what they change goes through the batch. */
  readonly statements: ProductStatements;
  readonly tools: BatchTools;
  readonly #rounds = new Map<number, Round>();
  readonly #touched = new Set<number>();
  #head: ProductHead | null = null;
  #headTouched = false;
  #moreOver = false;
  #onlyAdded = true;
  #mayOnlyAdd = false;
  /** Ids of the new orders. */
  readonly #added: string[] = [];
  #firstReleaseAt: number | null = null;
  readonly #books: Books | null;

  /** What the batch wrote to the outbox, as JSON texts: to be sent once it is committed. */
  readonly events: string[] = [];
  /** The tokens that made an order in this batch. */
  readonly spent: string[] = [];

  /** @param books what the last batch left; null: everything is read. */
  constructor(statements: ProductStatements, tools: BatchTools, books: Books | null) {
    this.statements = statements;
    this.tools = tools;
    this.#books = books;
  }

  get now(): number {
    return this.tools.now;
  }

  /**
   * Whether commands that are holds can do nothing here but add orders and events, so that `undo` can take all of it back: it is known
   * how everything was before, and nothing is over that would be released first.
   */
  get canUndoHolds(): boolean {
    return this.#books !== null && !this.#isDue(this.#books);
  }

  #isDue({ dueAt }: Books): boolean {
    return dueAt !== null && dueAt <= this.now;
  }

  /** Whether holds that are over are left to be released: the caller begins another batch soon. */
  get moreOver(): boolean {
    return this.#moreOver;
  }

  /** Nothing came of it but new holds: what was due before is still due then, and nothing else before the first of these is over. */
  get onlyAdded(): boolean {
    return this.#onlyAdded;
  }

  /** When the first of the new holds is over; null: there are none. */
  get firstReleaseAt(): number | null {
    return this.#firstReleaseAt;
  }

  begin(): void {
    this.statements.refresh();
    if (!this.statements.exists) return;
    if (this.#books === null) this.#head = this.statements.head();
    else {
      const { head, current } = this.#books;
      this.#head = head;
      this.#rounds.set(current.round, current);
      if (!this.#isDue(this.#books)) return;
    }
    this.#doMore();
    this.#sweep();
    this.#closeFinished();
  }

  /** The commands of this batch are holds, and may only add orders: a change of an order or of a round's rules throws before it is written. */
  onlyAdd(): void {
    this.#mayOnlyAdd = true;
  }

  /**
   * Takes back what a batch wrote that may only add: for when one of its commands or statements failed, in the same step, so that
   * nothing of it is ever committed. @throws when a statement of this fails: then the rows are not to be trusted.
   */
  undo(): void {
    if (!this.#mayOnlyAdd || this.#books === null) throw new Error("Only a batch that may only add can be undone");
    const { head, current } = this.#books;
    for (const orderId of this.#added) this.statements.archive.deleteOrder(orderId);
    this.statements.outbox.deleteBehind(head.seq);
    this.statements.updateBook(current);
    this.statements.writeHead(head);
  }

  /** Something else than a new order comes of it. */
  #doMore(): void {
    if (this.#mayOnlyAdd) throw new Error("A batch that may only add orders was to do something else");
    this.#onlyAdded = false;
  }

  /** Writes the stock books, after the law was asserted. */
  finish(): void {
    for (const number of this.#touched) {
      const round = this.round(number);
      if (!isConserved(round.ledger)) throw new LedgerBrokenError(round);
      this.statements.updateBook(round);
    }
    if (this.#headTouched && this.#head !== null) this.statements.writeHead(this.#head);
  }

  /** Releases holds that are over, some at a time; whoever still lacks units calls it again. */
  #sweep(): void {
    const over = this.statements.orders.holdsOver(this.now, SWEEP_CHUNK);
    for (const order of over) this.change(order, expire(order), order.cause);
    this.#moreOver = over.length === SWEEP_CHUNK;
  }

  #closeFinished(): void {
    const current = this.current();
    if (current !== null && isFinished(current, this.now)) this.close(current, SWEEP);
  }

  /** Releases as many more as it takes until `quantity` units are available: nobody is refused what no hold keeps. */
  sweepFor(quantity: number): void {
    while (this.#moreOver && this.isShort(quantity)) this.#sweep();
  }

  /**
   * Releases the buyer's own, where the sweep is still on its way to them: what he let lapse counts at once. What other buyers of
   * his client let lapse may count some commits later, while more holds end together than one batch releases.
   */
  sweepOf(buyerId: string): void {
    if (!this.#moreOver) return;
    for (const order of this.statements.orders.holdsOverOf(buyerId, this.now)) this.upToDate(order);
  }

  /** Releases and closes all that the clock has ended, however much it is. */
  settle(): void {
    while (this.#moreOver) this.#sweep();
    this.#closeFinished();
  }

  isShort(quantity: number): boolean {
    const round = this.current();
    return round !== null && quantity > round.ledger.available;
  }

  /** The order after the sweep that it may still be waiting for. */
  upToDate(order: Order): Order {
    if (!isOver(order, this.now)) return order;
    const expired = expire(order);
    this.change(order, expired, order.cause);
    return expired;
  }

  /** A new order: its row, its units, its event, and its token is spent. */
  insert(order: Order, cause: Cause): void {
    this.#added.push(order.orderId);
    this.statements.orders.insert(order);
    this.#keep(this.#booked(this.round(order.round), null, order));
    this.#emitOrder(order, cause);
    this.spent.push(order.jti);
    this.#firstReleaseAt = Math.min(this.#firstReleaseAt ?? order.holdExpiresAt, order.holdExpiresAt);
  }

  /** An order's next version: its row, its units, its event. */
  change(before: Order, after: Order, cause: Cause): void {
    this.#doMore();
    this.statements.orders.update(after);
    const round = this.knownRound(before.round);
    // Nothing of a forgotten round is available or held, so its orders move no units any more.
    if (round !== null) this.write(this.#booked(round, before, after));
    this.#emitOrder(after, cause);
  }

  /** An order that is over leaves: what is kept is how many did, and when they were made. */
  archive({ orderId, round, status, quantity }: EndedOrder): void {
    this.statements.archive.deleteOrder(orderId);
    if (this.knownRound(round) !== null) this.statements.archive.add(round, status, quantity);
    this.#setHead({ ...this.head(), ...widen(this.head(), timeOfOrderId(orderId)) });
  }

  /** An order that had left comes back, as it was. */
  readmit(order: Order): void {
    this.#doMore();
    this.statements.orders.insert(order);
    if (this.knownRound(order.round) !== null) {
      this.statements.archive.remove(order.round, order.status, order.quantity);
    }
  }

  #booked(round: Round, before: Order | null, after: Order): Round {
    const orders = { ...round.orders };
    if (before !== null) orders[before.status] -= 1;
    orders[after.status] += 1;
    const ledger = moveUnits(round.ledger, before?.status ?? null, after.status, after.quantity);
    return { ...round, ledger, orders };
  }

  /** The round becomes the product's current one; the first one makes the tables. */
  setRound(productId: string, round: Round, orderRetentionMs: number): void {
    if (!this.statements.exists) this.statements.createSchema();
    this.statements.insertRound(round);
    const { seq, archivedFrom, archivedThrough } = this.#head ?? NO_HEAD;
    this.#setHead({ productId, round: round.round, seq, orderRetentionMs, archivedFrom, archivedThrough });
    this.write(round);
  }

  close(round: Round, cause: Cause): void {
    const closed = closeRound(round);
    this.write(closed.round);
    this.emitStock("stock.closed", closed.round, closed.returned, cause);
  }

  /** The round as it is from now on; stored by `finish`. */
  write(round: Round): void {
    this.#doMore();
    this.#keep(round);
  }

  #keep(round: Round): void {
    this.#rounds.set(round.round, round);
    this.#touched.add(round.round);
  }

  current(): Round | null {
    return this.#head === null ? null : this.round(this.#head.round);
  }

  round(number: number): Round {
    const round = this.knownRound(number);
    if (round === null) throw new Error(`Round ${number} is named by a row, but is not stored`);
    return round;
  }

  /** The round with this number; null when it is so old that it was forgotten. */
  knownRound(number: number): Round | null {
    const round = this.#rounds.get(number) ?? this.statements.round(number);
    if (round !== null) this.#rounds.set(number, round);
    return round;
  }

  head(): ProductHead {
    if (this.#head === null) throw new Error("A product without a head row was written to");
    return this.#head;
  }

  /** For the next batch, once this one is committed; null: there is no product yet. */
  books(dueAt: number | null): Books | null {
    const current = this.current();
    return this.#head === null || current === null ? null : { head: this.#head, current, dueAt };
  }

  #setHead(head: ProductHead): void {
    this.#head = head;
    this.#headTouched = true;
  }

  productId(): string {
    return this.head().productId;
  }

  emitStock(type: StockEvent["type"], round: Round, returned: number, cause: Cause): void {
    this.#emit(stockEvent(this.productId(), type, round, returned, this.#nextSeq(), cause, this.now));
  }

  #emitOrder(order: Order, cause: Cause): void {
    this.#emit(orderEvent(this.productId(), order, this.#nextSeq(), cause, this.now));
  }

  #emit(event: ProductEvent): void {
    const body = JSON.stringify(event);
    this.statements.outbox.insert(event, body, this.now + this.tools.resendAfterMs);
    this.events.push(body);
  }

  #nextSeq(): number {
    const seq = this.head().seq + 1;
    this.#setHead({ ...this.head(), seq });
    return seq;
  }

  audit(action: string, cause: Cause, detail: unknown): void {
    this.statements.insertAudit({ at: this.now, requestId: cause.requestId, action, detail });
  }
}
