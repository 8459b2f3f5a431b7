/**
 * What the Worker and a product object say to each other, and the events that the object's outbox sends to the writer.
 * Types only: both sides import this file, neither imports the other.
 */
import type { OrderStatus, RefusalOf } from "../../src/refusal.ts";
import type { Packed } from "../../src/packed.ts";
import type { Result } from "../../src/result.ts";

/** Times are milliseconds since the epoch, by the clock of whoever made the document; quantities are units. */

/** The six states of a product's current round. */
export type RoundState = "upcoming" | "open" | "held-out" | "sold-out" | "paused" | "closed";

export interface RoundRules {
  readonly title: string;
  /** In the currency's minor unit (as Stripe's); shown, never calculated with. */
  readonly price: number;
  /** ISO 4217. */
  readonly currency: string;
  readonly opensAt: number;
  readonly closesAt: number;
  /** Units of this round that one buyer may hold and have paid together. */
  readonly perBuyerLimit: number;
  readonly holdSeconds: number;
  /** The kinds of challenge that stand before a purchase token. */
  readonly challenges: readonly string[];
}

/** The stock book of a round: `allocated = available + held + paid + withdrawn`, at all times. */
export interface Ledger {
  readonly allocated: number;
  readonly available: number;
  readonly held: number;
  readonly paid: number;
  readonly withdrawn: number;
}

/** What the edge keeps a copy of. `gate` is a secret until the round opens. */
export interface ProductView extends RoundRules {
  readonly id: string;
  readonly round: number;
  readonly gate: string;
  readonly paused: boolean;
  readonly closed: boolean;
  readonly available: number;
  readonly held: number;
  /** When the first of the present holds is over, if none is paid or cancelled before. */
  readonly nextReleaseAt: number | null;
  /** Counts up with every change of the rules or the stock. */
  readonly version: number;
  /** While nothing is available: the spent purchase tokens, so that the edge knows whom to let through to their order. */
  readonly spent: SpentFilter | null;
}

/** A Bloom filter over the `jti` of the tokens that made an order of this round. See `spent-filter.ts`. */
export interface SpentFilter {
  readonly bits: Uint8Array;
}

export interface OrderView {
  readonly orderId: string;
  readonly productId: string;
  readonly round: number;
  readonly buyerId: string;
  readonly status: OrderStatus;
  readonly quantity: number;
  readonly paymentId: string | null;
  readonly holdExpiresAt: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Whether Postgres has everything that happened to the order so far. */
  readonly delivered: boolean;
}

/** The thread from admission to Postgres: which request caused a change. */
export interface Cause {
  readonly requestId: string;
  /** W3C Trace Context, as in the `traceparent` header. */
  readonly traceparent: string;
}

/** What is asked of those who hold and do not pay: `[vars.HOARDING]`. 0 switches a rule off. See `hoarding.ts`. */
export interface HoardingRules {
  /** Holds of one buyer that may run at once, beside the round's cap. */
  readonly openHoldsPerBuyer: number;
  /** Seconds times units that one buyer may let end unpaid within a day. */
  readonly unpaidUnitSecondsPerBuyer: number;
  /** The same for all buyers of one client together. */
  readonly unpaidUnitSecondsPerClient: number;
  /** After so many expired holds in a row the buyer waits for `cooldownSeconds` from the end of the last. */
  readonly lapses: number;
  readonly cooldownSeconds: number;
}

export interface HoldCommand {
  readonly round: number;
  /** The purchase token's id: the replay key, never the token's string. */
  readonly jti: string;
  readonly buyerId: string;
  readonly quantity: number;
  /** A digest of the client's key, never the address itself; null where nothing is counted per client. */
  readonly client: string | null;
  readonly hoarding: HoardingRules;
  readonly cause: Cause;
}

export type HoldRefusal = RefusalOf<
  | "not-found"
  | "token-invalid"
  | "token-mismatch"
  | "too-early"
  | "round-closed"
  | "paused"
  | "hold-open"
  | "buyer-limit"
  | "hoarding"
  | "held-out"
  | "sold-out"
  | "overloaded"
>;

export type HoldAnswer = Result<{ readonly order: OrderView; readonly replayed: boolean }, HoldRefusal>;

/** A signed callback's id makes it idempotent; `digest` tells a repeat from another message under the same id. */
export interface CallbackId {
  readonly webhookId: string;
  /** SHA-256 of path and raw body, base64url. */
  readonly digest: string;
}

/** An order as Postgres has it: what its object is told of an order that left it. */
export interface OrderSnapshot {
  readonly orderId: string;
  readonly productId: string;
  readonly round: number;
  readonly buyerId: string;
  readonly status: OrderStatus;
  readonly quantity: number;
  readonly version: number;
  readonly paymentId: string | null;
  readonly holdExpiresAt: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Not for clients: the order is not here, but may be one that left. Who has its row of Postgres asks again with it. */
export type Archived = { readonly code: "archived" };

export interface PayCommand {
  readonly orderId: string;
  /** The order's row of Postgres, where the object said that it may have left; it is looked at only if it has. */
  readonly snapshot: OrderSnapshot | null;
  readonly paymentId: string;
  readonly callback: CallbackId;
  readonly cause: Cause;
}

export interface CancelCommand {
  readonly orderId: string;
  /** As of `PayCommand`. */
  readonly snapshot: OrderSnapshot | null;
  /** Whose order it must be; null when the origin cancels. */
  readonly buyerId: string | null;
  readonly callback: CallbackId | null;
  readonly cause: Cause;
}

export type OrderRefusal = RefusalOf<"not-found" | "wrong-state" | "invalid-request" | "overloaded">;

export type OrderAnswer = Result<OrderView, OrderRefusal | Archived>;

export interface ConfigureCommand {
  readonly id: string;
  readonly rules: RoundRules;
  readonly stock: number;
  /** The stock was taken from the origin's row for the round with this number; null when the operator gave it. */
  readonly originRound: number | null;
  readonly rulesFrozenSeconds: number;
  /** How long an order that is over stays in the object, in milliseconds; not less than `RETENTION_LEAST_SECONDS`. */
  readonly orderRetentionMs: number;
  readonly cause: Cause;
}

export type RoundAction = "pause" | "resume" | "close";

export interface ProductDocument extends RoundRules, Ledger {
  readonly id: string;
  readonly round: number;
  readonly state: RoundState;
  /** Also before the round opens, when `state` does not show it. */
  readonly paused: boolean;
  readonly stockSource: "operator" | "origin";
  readonly version: number;
  readonly orders: {
    readonly held: number;
    readonly paid: number;
    readonly cancelled: number;
    readonly expired: number;
    readonly refundDue: number;
  };
  readonly outbox: { readonly pending: number; readonly oldestAt: number | null };
}

export type ProductAnswer = Result<
  ProductDocument,
  RefusalOf<"not-found" | "wrong-state" | "invalid-request" | "overloaded">
>;

/** The number of the round that PUT would set now with the origin's stock, and how many events are still on their way to Postgres. */
export type PlanAnswer = Result<{ readonly round: number; readonly pending: number }, RefusalOf<"wrong-state">>;

/** The stock book of the current round, and where the orders themselves say otherwise: nowhere, or it is a defect. */
export interface StockCheck extends Ledger {
  readonly round: number;
  readonly differences: readonly string[];
}

export interface AuditEntry {
  readonly at: number;
  readonly requestId: string;
  readonly action: string;
  readonly detail: unknown;
}

interface EventBase extends Cause {
  /** Orders: `<orderId>.<version>`; stock: `<productId>.<round>.<version>`. One effect in Postgres per id. */
  readonly eventId: string;
  readonly productId: string;
  readonly round: number;
  /** Counts up over everything this product ever sent: the order in which the ledger changed. */
  readonly seq: number;
  readonly at: number;
}

/** An order as it is after its `version`th change. */
export interface OrderEvent extends EventBase {
  readonly type: "order.held" | "order.paid" | "order.cancelled" | "order.expired" | "order.refund_due";
  readonly orderId: string;
  readonly version: number;
  readonly buyerId: string;
  readonly quantity: number;
  readonly status: OrderStatus;
  readonly paymentId: string | null;
  readonly holdExpiresAt: number;
  readonly createdAt: number;
}

/** The round's stock as it is after the product's `version`th change of rules or stock. */
export interface StockEvent extends EventBase {
  readonly type: "stock.allocated" | "stock.changed" | "stock.closed";
  readonly version: number;
  readonly title: string;
  readonly allocated: number;
  readonly withdrawn: number;
  /** Units that this very change gives back to the origin's own stock. */
  readonly returned: number;
}

export type ProductEvent = OrderEvent | StockEvent;

/** The product object's methods, as the Worker calls them. */
export interface ProductApi {
  view(): Promise<ProductView | null>;
  hold(command: HoldCommand): Promise<Packed<HoldAnswer>>;
  /** The same for several buyers, answered in their order; null: that one's fault is told to whoever asks for it alone. */
  holdAll(commands: readonly HoldCommand[]): Promise<Packed<readonly (HoldAnswer | null)[]>>;
  /** `archived`: it is not here, but may be one that left; Postgres has it then. */
  order(orderId: string): Promise<OrderView | "archived" | null>;
  pay(command: PayCommand): Promise<OrderAnswer>;
  cancel(command: CancelCommand): Promise<OrderAnswer>;
  plan(rulesFrozenSeconds: number): Promise<PlanAnswer>;
  configure(command: ConfigureCommand): Promise<ProductAnswer>;
  document(): Promise<ProductDocument | null>;
  act(action: RoundAction, cause: Cause): Promise<ProductAnswer>;
  changeStock(delta: number, cause: Cause): Promise<ProductAnswer>;
  /** Adds to the audit list what an operator did elsewhere about this product. */
  record(action: string, detail: unknown, cause: Cause): Promise<void>;
  audit(limit: number): Promise<readonly AuditEntry[]>;
  check(): Promise<StockCheck | null>;
  /** The writer: Postgres has these events. */
  acknowledge(eventIds: readonly string[]): Promise<void>;
  /** The dead letters: these events failed for good and wait for an operator; they are not sent again by themselves. */
  park(eventIds: readonly string[]): Promise<void>;
}
