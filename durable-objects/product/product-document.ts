/** What the object shows of a product: the edge's copy, and the operator's document. Pure. */
import type { Round } from "./ledger.ts";
import type { ProductDocument, ProductView, RoundRules, SpentFilter } from "./protocol.ts";
import { decideRoundState } from "./round-state.ts";

function rulesOf(round: Round): RoundRules {
  const { title, price, currency, opensAt, closesAt, perBuyerLimit, holdSeconds, challenges } = round;
  return { title, price, currency, opensAt, closesAt, perBuyerLimit, holdSeconds, challenges };
}

export function productView(
  id: string,
  round: Round,
  nextReleaseAt: number | null,
  spent: SpentFilter | null,
): ProductView {
  return {
    id,
    round: round.round,
    ...rulesOf(round),
    gate: round.gate,
    paused: round.paused,
    closed: round.closed,
    available: round.ledger.available,
    held: round.ledger.held,
    nextReleaseAt,
    version: round.version,
    spent,
  };
}

export function productDocument(
  id: string,
  round: Round,
  outbox: ProductDocument["outbox"],
  now: number,
): ProductDocument {
  const { refund_due: refundDue, ...orders } = round.orders;
  return {
    id,
    round: round.round,
    state: decideRoundState({ ...round, ...round.ledger }, now),
    ...rulesOf(round),
    paused: round.paused,
    stockSource: round.stockSource,
    version: round.version,
    ...round.ledger,
    orders: { ...orders, refundDue },
    outbox,
  };
}
