export function orderEvent(productId, order, seq, cause, now) {
    return {
        eventId: `${order.orderId}.${order.version}`,
        type: `order.${order.status}`,
        productId,
        round: order.round,
        seq,
        orderId: order.orderId,
        version: order.version,
        buyerId: order.buyerId,
        quantity: order.quantity,
        status: order.status,
        paymentId: order.paymentId,
        holdExpiresAt: order.holdExpiresAt,
        createdAt: order.createdAt,
        // A hold's end dates from its end, not from when it was noticed.
        at: order.status === "expired" ? order.updatedAt : now,
        requestId: cause.requestId,
        traceparent: cause.traceparent,
    };
}
export function stockEvent(productId, type, round, returned, seq, cause, now) {
    return {
        eventId: `${productId}.${round.round}.${round.version}`,
        type,
        productId,
        round: round.round,
        seq,
        version: round.version,
        title: round.title,
        allocated: round.ledger.allocated,
        withdrawn: round.ledger.withdrawn,
        returned,
        at: now,
        requestId: cause.requestId,
        traceparent: cause.traceparent,
    };
}
