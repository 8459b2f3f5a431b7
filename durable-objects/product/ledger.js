import { decideRoundState, secondsUntil } from "./round-state.ts";
/** How many seconds a buyer is asked to wait while the operator has paused the sale: a guess, nobody knows the end. */
export const PAUSED_RETRY_SECONDS = 5;
/** Where an order's units stand in the book; null: they are not the order's any more. */
const PLACE = {
    held: "held",
    paid: "paid",
    cancelled: null,
    expired: null,
    refund_due: null,
};
/** The book after `quantity` units of an order went from one status to another; `from` is null for a new order. */
export function moveUnits(ledger, from, to, quantity) {
    const source = (from === null ? null : PLACE[from]) ?? "available";
    const target = PLACE[to] ?? "available";
    if (source === target)
        return ledger;
    return { ...ledger, [source]: ledger[source] - quantity, [target]: ledger[target] + quantity };
}
export function addUnits(ledger, units) {
    return { ...ledger, allocated: ledger.allocated + units, available: ledger.available + units };
}
/** Units that are available are taken out of the sale. They stay allocated: the book remembers them as withdrawn. */
export function withdrawUnits(ledger, units) {
    return { ...ledger, available: ledger.available - units, withdrawn: ledger.withdrawn + units };
}
/** The conservation law, and that no part of the book is negative. */
export function isConserved(ledger) {
    const { allocated, available, held, paid, withdrawn } = ledger;
    const parts = [allocated, available, held, paid, withdrawn];
    return (parts.every((part) => Number.isSafeInteger(part) && part >= 0) && allocated === available + held + paid + withdrawn);
}
function refuse(refusal) {
    return { kind: "refused", refusal };
}
/**
 * Whether stock is set aside for an order. Holds that are over at `now` must have been released before.
 *
 * The same token finds its order before anything else is asked: also when the round is closed, paused or sold out since.
 */
export function decideHold(situation, request, orderId, now) {
    const { round, prior } = situation;
    if (prior !== null) {
        if (prior.buyerId !== request.buyerId)
            return refuse({ code: "token-invalid" });
        if (prior.quantity !== request.quantity)
            return refuse({ code: "token-mismatch" });
        return { kind: "replayed", order: prior };
    }
    if (request.round !== round.round) {
        return refuse(request.round < round.round ? { code: "round-closed" } : { code: "token-invalid" });
    }
    const state = decideRoundState({ ...round, ...round.ledger }, now);
    if (state === "closed")
        return refuse({ code: "round-closed" });
    if (state === "upcoming") {
        return refuse({ code: "too-early", opensAt: round.opensAt, retryAfterSeconds: secondsUntil(round.opensAt, now) });
    }
    if (state === "paused")
        return refuse({ code: "paused", retryAfterSeconds: PAUSED_RETRY_SECONDS });
    if (situation.buyerUnits + request.quantity > round.perBuyerLimit) {
        return refuse({ code: "buyer-limit", perBuyerLimit: round.perBuyerLimit });
    }
    if (request.quantity > round.ledger.available)
        return refuse(decideShortage(situation, request.quantity, now));
    return {
        kind: "held",
        order: {
            orderId,
            round: round.round,
            jti: request.jti,
            buyerId: request.buyerId,
            quantity: request.quantity,
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
/** Not enough is available: held out while what is held could still make it enough, otherwise sold out. */
function decideShortage(situation, quantity, now) {
    const { available, held } = situation.round.ledger;
    const { nextReleaseAt } = situation;
    if (nextReleaseAt !== null && quantity <= available + held) {
        return { code: "held-out", nextReleaseAt, retryAfterSeconds: secondsUntil(nextReleaseAt, now) };
    }
    return { code: "sold-out", available };
}
/** A hold whose time is over at `now` counts no more, whatever any timer did. */
export function isOver(order, now) {
    return order.status === "held" && now >= order.holdExpiresAt;
}
function change(order, status, now, paymentId = order.paymentId) {
    return { ...order, status, paymentId, version: order.version + 1, updatedAt: now };
}
/** The order after its hold's time was over: the change dates from the hold's end, not from when it was noticed. */
export function expire(order) {
    return change(order, "expired", order.holdExpiresAt);
}
/**
 * Money came for an order. While it is held: paid. Came it too late, it still takes units if there are any and the buyer
 * stays within his cap (otherwise letting holds lapse and paying late would be a way around it); else the money is due back.
 */
export function decidePayment(round, order, paymentId, buyerUnits, now) {
    switch (order.status) {
        case "paid":
        case "refund_due":
            if (order.paymentId === paymentId)
                return { kind: "unchanged", order };
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
export function decideCancellation(order, now) {
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
