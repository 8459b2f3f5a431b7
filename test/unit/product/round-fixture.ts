/** A valid round, order and hold request for tables: a test changes one field at a time. Nothing here knows a clock. */
import type { HoldRequest, HoldSituation, Order, Round } from "../../../durable-objects/product/ledger.ts";
import { NO_HISTORY } from "../../../durable-objects/product/hoarding.ts";
import type {
  Cause,
  ConfigureCommand,
  HoardingRules,
  Ledger,
  RoundRules,
} from "../../../durable-objects/product/protocol.ts";

/** Milliseconds since the epoch: some moment at which the fixture's round is open. */
export const NOW = 1_800_000_000_000;

export const CAUSE: Cause = {
  requestId: "r-1",
  traceparent: "00-11111111111111111111111111111111-2222222222222222-00",
};

export const RULES: RoundRules = {
  title: "A test's product",
  price: 9900,
  currency: "EUR",
  opensAt: NOW - 60_000,
  closesAt: NOW + 3_600_000,
  perBuyerLimit: 2,
  holdSeconds: 60,
  challenges: [],
};

export const LEDGER: Ledger = { allocated: 10, available: 6, held: 2, paid: 1, withdrawn: 1 };

export function makeRound(changes: Partial<Round> = {}): Round {
  return {
    ...RULES,
    round: 3,
    gate: "a-gate",
    paused: false,
    closed: false,
    stockSource: "operator",
    ledger: LEDGER,
    orders: { held: 2, paid: 1, cancelled: 0, expired: 0, refund_due: 0 },
    version: 7,
    ...changes,
  };
}

/** A round that nobody could order in yet. */
export function makeUpcoming(changes: Partial<Round> = {}): Round {
  const orders = { held: 0, paid: 0, cancelled: 0, expired: 0, refund_due: 0 };
  const ledger = { allocated: 10, available: 10, held: 0, paid: 0, withdrawn: 0 };
  return makeRound({ opensAt: NOW + 600_000, orders, ledger, ...changes });
}

export function makeOrder(changes: Partial<Order> = {}): Order {
  return {
    orderId: "0".repeat(38),
    round: 3,
    jti: "A".repeat(22),
    buyerId: "b-1",
    quantity: 1,
    client: null,
    status: "held",
    version: 1,
    paymentId: null,
    holdExpiresAt: NOW + 30_000,
    createdAt: NOW - 30_000,
    updatedAt: NOW - 30_000,
    cause: CAUSE,
    ...changes,
  };
}

/** Every rule off. */
export const HOARDING_OFF: HoardingRules = {
  openHoldsPerBuyer: 0,
  unpaidUnitSecondsPerBuyer: 0,
  unpaidUnitSecondsPerClient: 0,
  lapses: 0,
  cooldownSeconds: 0,
};

export function makeRequest(changes: Partial<HoldRequest> = {}): HoldRequest {
  return {
    round: 3,
    jti: "B".repeat(22),
    buyerId: "b-2",
    quantity: 1,
    client: null,
    hoarding: HOARDING_OFF,
    cause: CAUSE,
    ...changes,
  };
}

export function makeSituation(changes: Partial<HoldSituation> = {}): HoldSituation {
  return {
    productId: "p-1",
    round: makeRound(),
    prior: null,
    buyerUnits: 0,
    openHolds: [],
    history: NO_HISTORY,
    nextReleaseAt: NOW + 30_000,
    ...changes,
  };
}

export function makeCommand(changes: Partial<ConfigureCommand> = {}): ConfigureCommand {
  return {
    id: "p-1",
    rules: RULES,
    stock: 20,
    originRound: null,
    rulesFrozenSeconds: 300,
    orderRetentionMs: 172_800_000,
    cause: CAUSE,
    ...changes,
  };
}
