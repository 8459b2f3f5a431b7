/**
 * A reference model of a product: the least that says what must be so. It keeps orders and three numbers a round, and
 * counts everything else anew each time. It shares no code with the object, and knows no batches, tables or alarms.
 */
import type { HoardingRules, HoldCommand } from "../../durable-objects/product/protocol.ts";
import type { OrderStatus } from "../../src/refusal.ts";

export const HOLD_SECONDS = 10;
export const RULES_FROZEN_SECONDS = 5;
/** How long an order that is over stays, in milliseconds: two days, as delivered. */
export const LEAVE_MS = 172_800_000;

export interface ModelRound {
  readonly number: number;
  readonly opensAt: number;
  readonly closesAt: number;
  readonly perBuyerLimit: number;
  allocated: number;
  withdrawn: number;
  paused: boolean;
  closed: boolean;
}

export interface ModelOrder {
  readonly orderId: string;
  readonly jti: string;
  readonly round: number;
  readonly buyerId: string;
  readonly quantity: number;
  readonly client: string | null;
  readonly createdAt: number;
  readonly holdExpiresAt: number;
  /** When it got its status. */
  changedAt: number;
  status: OrderStatus;
  version: number;
  paymentId: string | null;
}

export type Refused = { readonly code: string } & Readonly<Record<string, unknown>>;

export class ProductModel {
  now: number;
  version = 0;
  stockEvents = 0;
  readonly rounds: ModelRound[] = [];
  readonly orders: ModelOrder[] = [];
  /** Ids of events that Postgres has. */
  readonly acknowledged = new Set<string>();

  constructor(now: number) {
    this.now = now;
  }

  get round(): ModelRound {
    const round = this.rounds.at(-1);
    if (round === undefined) throw new Error("The model has no round");
    return round;
  }

  units(status: OrderStatus, round: number): number {
    return this.#ordersOf(round, status).reduce((sum, order) => sum + order.quantity, 0);
  }

  available(round: ModelRound): number {
    return round.allocated - round.withdrawn - this.units("held", round.number) - this.units("paid", round.number);
  }

  buyerUnits(buyerId: string, round: number): number {
    const counted = [...this.#ordersOf(round, "held"), ...this.#ordersOf(round, "paid")];
    return counted.filter((order) => order.buyerId === buyerId).reduce((sum, order) => sum + order.quantity, 0);
  }

  nextReleaseAt(): number | null {
    const ends = this.orders.filter(({ status }) => status === "held").map((order) => order.holdExpiresAt);
    return ends.length === 0 ? null : Math.min(...ends);
  }

  /** What the clock alone does. */
  tick(now = this.now): void {
    this.now = now;
    for (const order of this.orders) {
      if (order.status === "held" && order.holdExpiresAt <= now) change(order, "expired", order.holdExpiresAt);
    }
    const { round } = this;
    if (!round.closed && now >= round.closesAt && this.units("held", round.number) === 0) this.#close();
  }

  /** Why a hold with a fresh token is refused; null: it is not. */
  refusesHold({ round, buyerId, quantity, client, hoarding }: HoldCommand): Refused | null {
    const { round: current, now } = this;
    if (round < current.number) return { code: "round-closed" };
    if (round > current.number) return { code: "token-invalid" };
    if (current.closed || now >= current.closesAt) return { code: "round-closed" };
    if (now < current.opensAt) {
      return {
        code: "too-early",
        opensAt: current.opensAt,
        retryAfterSeconds: Math.ceil((current.opensAt - now) / 1000),
      };
    }
    if (current.paused) return { code: "paused", retryAfterSeconds: 5 };
    const open = this.orders.filter((order) => order.buyerId === buyerId && order.status === "held");
    const most = hoarding.openHoldsPerBuyer;
    if (most > 0 && open.length >= most) return { code: "hold-open" };
    if (this.buyerUnits(buyerId, round) + quantity > current.perBuyerLimit) {
      return { code: "buyer-limit", perBuyerLimit: current.perBuyerLimit };
    }
    if (this.#isHoarding(hoarding, buyerId, client, now)) {
      // The first second at which it would not be, were it asked each second.
      const waits = Array.from({ length: 86_400 }, (_, second) => second + 1);
      const wait = waits.find((second) => !this.#isHoarding(hoarding, buyerId, client, now + second * 1000));
      return { code: "hoarding", retryAfterSeconds: wait };
    }
    const available = this.available(current);
    if (quantity <= available) return null;
    const nextReleaseAt = this.nextReleaseAt();
    if (nextReleaseAt === null || quantity > available + this.units("held", round))
      return { code: "sold-out", available };
    return { code: "held-out", nextReleaseAt, retryAfterSeconds: Math.ceil((nextReleaseAt - now) / 1000) };
  }

  #isHoarding(rules: HoardingRules, buyerId: string, client: string | null, at: number): boolean {
    const recent = this.orders.filter((order) => order.changedAt > at - 86_400_000);
    const ended = recent.filter(({ status }) => status === "expired" || status === "cancelled");
    const ofBuyer = unpaidSeconds(ended.filter((order) => order.buyerId === buyerId));
    const ofClient = unpaidSeconds(ended.filter((order) => client !== null && order.client === client));
    if (rules.unpaidUnitSecondsPerBuyer > 0 && ofBuyer >= rules.unpaidUnitSecondsPerBuyer) return true;
    if (rules.unpaidUnitSecondsPerClient > 0 && ofClient >= rules.unpaidUnitSecondsPerClient) return true;
    const paid = this.orders.filter((order) => order.buyerId === buyerId && order.status === "paid");
    const lastPaid = Math.max(...paid.map(({ changedAt }) => changedAt), 0);
    const lapsed = recent.filter((order) => order.buyerId === buyerId && order.status === "expired");
    const inRow = lapsed.filter(({ changedAt }) => changedAt > lastPaid).map(({ changedAt }) => changedAt);
    return rules.lapses > 0 && inRow.length >= rules.lapses && at < Math.max(...inRow) + rules.cooldownSeconds * 1000;
  }

  /** The status that stands in the way of a payment; null: it was taken. */
  pay(order: ModelOrder, paymentId: string): OrderStatus | null {
    if (order.status === "paid" || order.status === "refund_due") {
      return order.paymentId === paymentId ? null : order.status;
    }
    const round = this.rounds.find(({ number }) => number === order.round);
    if (round === undefined) throw new Error("The model's order has no round");
    const fits =
      order.quantity <= this.available(round) &&
      this.buyerUnits(order.buyerId, order.round) + order.quantity <= round.perBuyerLimit;
    change(order, order.status === "held" || fits ? "paid" : "refund_due", this.now);
    order.paymentId = paymentId;
    return null;
  }

  /** The status that stands in the way of a cancellation; null: it is cancelled, or was nothing any more. */
  cancel(order: ModelOrder): OrderStatus | null {
    if (order.status === "paid" || order.status === "refund_due") return order.status;
    if (order.status === "held") change(order, "cancelled", this.now);
    return null;
  }

  close(): void {
    if (this.round.closed) return;
    for (const order of this.#ordersOf(this.round.number, "held")) change(order, "cancelled", this.now);
    this.#close();
  }

  pause(paused: boolean): boolean {
    if (this.state() === "closed") return false;
    if (this.round.paused !== paused) this.version += 1;
    this.round.paused = paused;
    return true;
  }

  changeStock(delta: number): boolean {
    if (this.state() === "closed" || -delta > this.available(this.round)) return false;
    if (delta > 0) this.round.allocated += delta;
    else this.round.withdrawn -= delta;
    this.version += 1;
    this.stockEvents += 1;
    return true;
  }

  /** Sets the round that is to come, or the next one. */
  configure(rules: Pick<ModelRound, "opensAt" | "closesAt" | "perBuyerLimit">, stock: number): boolean {
    const current = this.rounds.at(-1);
    const isNext = current === undefined || current.closed;
    if (!isNext && this.now >= current.opensAt - RULES_FROZEN_SECONDS * 1000) return false;
    const number = (current?.number ?? 0) + (isNext ? 1 : 0);
    if (!isNext) this.rounds.pop();
    const paused = isNext ? false : current.paused;
    this.rounds.push({ ...rules, number, allocated: stock, withdrawn: 0, paused, closed: false });
    this.version += 1;
    this.stockEvents += 1;
    return true;
  }

  state(): string {
    const { round, now } = this;
    if (round.closed || now >= round.closesAt) return "closed";
    if (now < round.opensAt) return "upcoming";
    if (round.paused) return "paused";
    if (this.available(round) > 0) return "open";
    return this.units("held", round.number) > 0 ? "held-out" : "sold-out";
  }

  /** The part of the product's document that the model knows. */
  document(): object {
    const { round } = this;
    const count = (status: OrderStatus) => this.#ordersOf(round.number, status).length;
    return {
      round: round.number,
      state: this.state(),
      version: this.version,
      allocated: round.allocated,
      available: this.available(round),
      held: this.units("held", round.number),
      paid: this.units("paid", round.number),
      withdrawn: round.withdrawn,
      orders: {
        held: count("held"),
        paid: count("paid"),
        cancelled: count("cancelled"),
        expired: count("expired"),
        refundDue: count("refund_due"),
      },
      outbox: {
        pending: this.orders.reduce((sum, { version }) => sum + version, this.stockEvents) - this.acknowledged.size,
      },
    };
  }

  orderView(order: ModelOrder): object {
    const delivered = this.#isDelivered(order);
    const { orderId, round, buyerId, quantity, status, paymentId, holdExpiresAt } = order;
    return { orderId, round, buyerId, quantity, status, paymentId, holdExpiresAt, delivered };
  }

  /** Whether the order may be one that has left the object. That it must have is not promised. */
  mayHaveLeft(order: ModelOrder): boolean {
    const isOver = order.status !== "held" && order.changedAt + LEAVE_MS <= this.now;
    const { number, closed } = this.round;
    return isOver && this.#isDelivered(order) && !(order.status === "paid" && order.round === number && !closed);
  }

  /** The order as Postgres has it when everything is delivered. */
  rowOf(order: ModelOrder): object {
    const { orderId, round, buyerId, quantity, status, version, paymentId, holdExpiresAt, changedAt } = order;
    return { orderId, round, buyerId, quantity, status, version, paymentId, holdExpiresAt, updatedAt: changedAt };
  }

  #isDelivered(order: ModelOrder): boolean {
    const versions = Array.from({ length: order.version }, (_, index) => index + 1);
    return versions.every((version) => this.acknowledged.has(`${order.orderId}.${version}`));
  }

  #ordersOf(round: number, status: OrderStatus): ModelOrder[] {
    return this.orders.filter((order) => order.round === round && order.status === status);
  }

  #close(): void {
    const { round } = this;
    round.withdrawn += this.available(round);
    round.closed = true;
    round.paused = false;
    this.version += 1;
    this.stockEvents += 1;
  }
}

/** Of ended holds, times their units; at least ten for each. */
function unpaidSeconds(orders: readonly ModelOrder[]): number {
  return orders.reduce((sum, each) => sum + each.quantity * Math.max(10, (each.changedAt - each.createdAt) / 1000), 0);
}

function change(order: ModelOrder, status: OrderStatus, at: number): void {
  order.status = status;
  order.changedAt = at;
  order.version += 1;
}
