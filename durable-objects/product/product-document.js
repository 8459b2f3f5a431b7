import { decideRoundState } from "./round-state.ts";
function rulesOf(round) {
    const { title, price, currency, opensAt, closesAt, perBuyerLimit, holdSeconds, challenges } = round;
    return { title, price, currency, opensAt, closesAt, perBuyerLimit, holdSeconds, challenges };
}
export function productView(id, round, nextReleaseAt, spent) {
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
export function productDocument(id, round, outbox, now) {
    const { refund_due: refundDue, ...orders } = round.orders;
    return {
        id,
        round: round.round,
        state: decideRoundState({ ...round, ...round.ledger }, now),
        ...rulesOf(round),
        stockSource: round.stockSource,
        version: round.version,
        ...round.ledger,
        orders: { ...orders, refundDue },
        outbox,
    };
}
