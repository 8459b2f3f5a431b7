/** Judges a sale: which promises were kept. Pure: what the buyers saw, the ledger and Postgres in, a verdict each out. */
import type { PostgresOrder, PostgresView } from "./postgres.ts";
import type { SaleRecord, SeenOrder } from "./record.ts";
import type { LedgerDocument } from "./sale-api.ts";

export interface Verdict {
  readonly promise: string;
  readonly kept: boolean;
  /** What was counted, and for a broken promise where. */
  readonly evidence: string;
}

export interface Evidence {
  readonly record: SaleRecord;
  readonly stock: number;
  readonly perBuyerLimit: number;
  readonly ledger: LedgerDocument;
  /** Null where no database is known: its promises are not judged then. */
  readonly postgres: PostgresView | null;
}

/** Tokens that one address gets within any minute, by the demo's limits. */
export const SHARED_ADDRESS_LIMIT = 60;
const MINUTE_MS = 60_000;

export function judge(evidence: Evidence): readonly Verdict[] {
  const verdicts = [
    neverOneTooMany(evidence),
    neverOneTooFew(evidence),
    oneTokenOneOrder(evidence),
    buyersLimit(evidence),
    nothingTooSoon(evidence),
    respellingsRefused(evidence),
    sharedAddressLimited(evidence),
    onlyKnownAnswers(evidence),
    ledgerBalances(evidence),
  ];
  if (evidence.postgres === null) return verdicts;
  return [
    ...verdicts,
    everythingDelivered(evidence, evidence.postgres),
    acceptedOrdersAreRows(evidence, evidence.postgres),
    statusesAgree(evidence, evidence.postgres),
    ledgerIsPostgres(evidence, evidence.postgres),
    eventsOnce(evidence.postgres),
  ];
}

function neverOneTooMany({ record, stock, ledger, postgres }: Evidence): Verdict {
  const seenPaid = units([...record.orders.values()].filter((order) => order.status === "paid"));
  const storedPaid = postgres === null ? 0 : units(postgres.orders.filter(({ status }) => status === "paid"));
  const stored =
    postgres === null ? 0 : units(postgres.orders.filter(({ status }) => status === "paid" || status === "held"));
  const inLedger = ledger.held + ledger.paid;
  return {
    promise: "Never one unit too many",
    kept: seenPaid <= stock && stored <= stock && inLedger <= ledger.allocated && ledger.allocated === stock,
    evidence: `${seenPaid} paid by answers, ${ledger.paid} in the ledger${postgres === null ? "" : `, ${storedPaid} in Postgres`}, of ${stock}`,
  };
}

/** At the end nothing is held any more, and nothing lies about that somebody wanted. */
function neverOneTooFew({ record, ledger }: Evidence): Verdict {
  return {
    promise: "Never one too few: unpaid units came back, and were sold to who waited",
    kept: ledger.held === 0 && !record.wentWithout.some((wanted) => wanted <= ledger.available),
    evidence: `${ledger.orders.expired} expired, ${ledger.orders.cancelled} cancelled; ${ledger.held} held and ${ledger.available} available at the end, ${record.wentWithout.length} buyers went without`,
  };
}

function oneTokenOneOrder({ record }: Evidence): Verdict {
  const orders = [...record.orders.values()];
  const byToken = new Map<string, number>();
  for (const order of orders) byToken.set(order.tokenId, (byToken.get(order.tokenId) ?? 0) + 1);
  const doubled = [...byToken.values()].filter((made) => made > 1).length;
  const acceptedTwice = orders.filter(({ accepted }) => accepted > 1).length;
  const replays = orders.reduce((sum, { replayed }) => sum + replayed, 0);
  return {
    promise: "One token, one order, however often it is sent",
    kept: doubled === 0 && acceptedTwice === 0,
    evidence: `${orders.length} orders of ${byToken.size} tokens, ${replays} repeats answered with the same order${acceptedTwice === 0 ? "" : `, ${acceptedTwice} accepted twice`}`,
  };
}

function buyersLimit({ record, perBuyerLimit, postgres }: Evidence): Verdict {
  const orders: readonly { readonly buyerId: string; readonly quantity: number; readonly status: string }[] =
    postgres === null ? [...record.orders.values()] : postgres.orders;
  const byBuyer = new Map<string, number>();
  for (const { buyerId, quantity, status } of orders) {
    if (status === "held" || status === "paid") byBuyer.set(buyerId, (byBuyer.get(buyerId) ?? 0) + quantity);
  }
  const most = Math.max(0, ...byBuyer.values());
  return {
    promise: "No buyer has more than the limit",
    kept: most <= perBuyerLimit,
    evidence: `at most ${most} units of ${perBuyerLimit} with one buyer`,
  };
}

function nothingTooSoon({ record }: Evidence): Verdict {
  return {
    promise: "Nothing before the opening",
    kept: record.tooSoon.length === 0,
    evidence:
      record.tooSoon.length === 0
        ? `${record.earlyRefused} early requests refused`
        : record.tooSoon.slice(0, 3).join(", "),
  };
}

function respellingsRefused({ record }: Evidence): Verdict {
  return {
    promise: "A respelt token, or one with another body, gets nothing",
    kept: record.respeltAccepted === 0,
    evidence: `${record.respelt - record.respeltAccepted} of ${record.respelt} refused`,
  };
}

function sharedAddressLimited({ record }: Evidence): Verdict {
  const at = record.sharedTokensAt.toSorted((a, b) => a - b);
  const most = Math.max(0, ...at.map((end, index) => index + 1 - at.findIndex((start) => start > end - MINUTE_MS)));
  return {
    promise: "One address gets no more tokens than its limit",
    kept: most <= SHARED_ADDRESS_LIMIT,
    evidence: `at most ${most} tokens within a minute, ${record.refusals.get("rate-limited") ?? 0} requests over a limit refused`,
  };
}

function onlyKnownAnswers({ record }: Evidence): Verdict {
  const told = [...record.unexpected].map(([what, times]) => `${times} × ${what}`);
  return {
    promise: "Every answer is one of the contract",
    kept: told.length === 0,
    evidence: told.length === 0 ? "no other" : told.join(", "),
  };
}

function ledgerBalances({ ledger }: Evidence): Verdict {
  const { allocated, available, held, paid, withdrawn } = ledger;
  return {
    promise: "The ledger balances",
    kept:
      allocated === available + held + paid + withdrawn && Math.min(allocated, available, held, paid, withdrawn) >= 0,
    evidence: `${allocated} allocated = ${available} available + ${held} held + ${paid} paid + ${withdrawn} withdrawn`,
  };
}

function everythingDelivered({ ledger }: Evidence, { deadLetters }: PostgresView): Verdict {
  return {
    promise: "Every event reached Postgres",
    kept: ledger.outbox.pending === 0 && deadLetters === 0,
    evidence: `${ledger.outbox.pending} events pending, ${deadLetters} dead letters`,
  };
}

function acceptedOrdersAreRows({ record }: Evidence, { orders }: PostgresView): Verdict {
  const rows = byId(orders);
  const seen = [...record.orders.values()];
  const lost = seen.filter((order) => !isSame(order, rows.get(order.orderId)));
  const unseen = orders.filter(({ id }) => !record.orders.has(id));
  return {
    promise: "Every accepted order is one row in Postgres, and every row was accepted",
    kept: lost.length === 0 && unseen.length === 0,
    evidence: `${seen.length} accepted, ${orders.length} rows, ${lost.length} missing or different, ${unseen.length} unknown`,
  };
}

function isSame(seen: SeenOrder, row: PostgresOrder | undefined): boolean {
  return row !== undefined && row.buyerId === seen.buyerId && row.quantity === seen.quantity;
}

/** What the buyer or the origin was told last is what Postgres says; a hold that nobody ended has expired. */
function statusesAgree({ record }: Evidence, { orders }: PostgresView): Verdict {
  const rows = byId(orders);
  const differing = [...record.orders.values()].filter(({ orderId, status }) => {
    const row = rows.get(orderId);
    return row !== undefined && row.status !== (status === "held" ? "expired" : status);
  });
  return {
    promise: "What was paid, cancelled or due for refund is so in Postgres",
    kept: differing.length === 0,
    evidence: `${orders.filter(({ status }) => status === "paid").length} paid, ${differing.length} orders differ`,
  };
}

function ledgerIsPostgres({ ledger }: Evidence, { product, orders }: PostgresView): Verdict {
  const paid = units(orders.filter(({ status }) => status === "paid"));
  const held = units(orders.filter(({ status }) => status === "held"));
  const number = (status: string): number => orders.filter((order) => order.status === status).length;
  const sameRow =
    product !== null &&
    product.allocated === ledger.allocated &&
    product.held === ledger.held &&
    product.paid === ledger.paid &&
    product.withdrawn === ledger.withdrawn;
  const sameOrders =
    paid === ledger.paid &&
    held === ledger.held &&
    number("paid") === ledger.orders.paid &&
    number("cancelled") === ledger.orders.cancelled &&
    number("expired") === ledger.orders.expired &&
    number("refund_due") === ledger.orders.refundDue;
  return {
    promise: "Ledger and Postgres agree",
    kept: sameRow && sameOrders,
    evidence: `products row ${sameRow ? "equal" : "differs"}, ${paid} paid and ${held} held units in orders, orders by status ${sameOrders ? "equal" : "differ"}`,
  };
}

function eventsOnce({ orders }: PostgresView): Verdict {
  const wrong = orders.filter(({ version, events, versions }) => events !== version || versions !== version);
  return {
    promise: "Exactly one event per change of an order",
    kept: wrong.length === 0,
    evidence: `${orders.reduce((sum, { events }) => sum + events, 0)} events of ${orders.length} orders, ${wrong.length} orders with others`,
  };
}

function byId(orders: readonly PostgresOrder[]): ReadonlyMap<string, PostgresOrder> {
  return new Map(orders.map((order) => [order.id, order]));
}

function units(orders: readonly { readonly quantity: number }[]): number {
  return orders.reduce((sum, { quantity }) => sum + quantity, 0);
}
