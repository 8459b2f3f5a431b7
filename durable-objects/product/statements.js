import { SCHEMA, } from "./schema.ts";
export class ProductStatements {
    #sql;
    #exists = false;
    constructor(sql) {
        this.#sql = sql;
        this.refresh();
    }
    /** Whether anything is stored here. Nothing but `createSchema` may be called before. */
    get exists() {
        return this.#exists;
    }
    /** Looks whether the tables are there, as long as they are not. Not after `createSchema`, before its commit. */
    refresh() {
        if (this.#exists)
            return;
        const query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'audit'";
        this.#exists = this.#sql.exec(query).toArray().length > 0;
    }
    createSchema() {
        this.#sql.exec(SCHEMA);
    }
    head() {
        for (const row of this.#sql.exec("SELECT product_id, round, seq FROM product")) {
            return { productId: row.product_id, round: row.round, seq: row.seq };
        }
        return null;
    }
    writeHead(head) {
        this.#sql.exec("INSERT INTO product (one, product_id, round, seq) VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET round = excluded.round, seq = excluded.seq", head.productId, head.round, head.seq);
    }
    round(round) {
        for (const row of this.#sql.exec("SELECT * FROM rounds WHERE round = ?", round))
            return toRound(row);
        return null;
    }
    /** The round that the head names. */
    currentRound() {
        const query = "SELECT rounds.* FROM rounds JOIN product ON product.round = rounds.round";
        for (const row of this.#sql.exec(query))
            return toRound(row);
        return null;
    }
    insertRound(round) {
        this.#sql.exec(`INSERT OR REPLACE INTO rounds (round, title, price, currency, opens_at, closes_at, per_buyer_limit, hold_seconds,
         challenges, gate, stock_source, paused, closed, version, allocated, available, held, paid, withdrawn,
         held_orders, paid_orders, cancelled_orders, expired_orders, refund_due_orders)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, round.round, round.title, round.price, round.currency, round.opensAt, round.closesAt, round.perBuyerLimit, round.holdSeconds, JSON.stringify(round.challenges), round.gate, round.stockSource, ...bookValues(round));
    }
    /** The round's moving parts: flags, stock book and counts; its rules stay. */
    updateBook(round) {
        this.#sql.exec(`UPDATE rounds SET paused = ?, closed = ?, version = ?, allocated = ?, available = ?, held = ?, paid = ?,
         withdrawn = ?, held_orders = ?, paid_orders = ?, cancelled_orders = ?, expired_orders = ?, refund_due_orders = ?
       WHERE round = ?`, ...bookValues(round), round.round);
    }
    order(orderId) {
        for (const row of this.#sql.exec("SELECT * FROM orders WHERE order_id = ?", orderId))
            return toOrder(row);
        return null;
    }
    orderOfToken(jti) {
        for (const row of this.#sql.exec("SELECT * FROM orders WHERE jti = ?", jti))
            return toOrder(row);
        return null;
    }
    insertOrder(order) {
        this.#sql.exec(`INSERT INTO orders (order_id, round, jti, buyer_id, quantity, status, version, payment_id, hold_expires_at,
         created_at, updated_at, request_id, traceparent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, order.orderId, order.round, order.jti, order.buyerId, order.quantity, order.status, order.version, order.paymentId, order.holdExpiresAt, order.createdAt, order.updatedAt, order.cause.requestId, order.cause.traceparent);
    }
    updateOrder(order) {
        this.#sql.exec("UPDATE orders SET status = ?, version = ?, payment_id = ?, updated_at = ? WHERE order_id = ?", order.status, order.version, order.paymentId, order.updatedAt, order.orderId);
    }
    /** Units of the round that the buyer has paid, or holds and may still pay at `now`. */
    buyerUnits(buyerId, round, now) {
        const query = `SELECT COALESCE(SUM(quantity), 0) AS units FROM orders
       WHERE buyer_id = ? AND round = ? AND status IN ('held', 'paid') AND (status = 'paid' OR hold_expires_at > ?)`;
        return this.#sql.exec(query, buyerId, round, now).one().units;
    }
    /** At most `limit` of the holds that are over at `now`. */
    holdsOver(now, limit) {
        const query = "SELECT * FROM orders WHERE status = 'held' AND hold_expires_at <= ? ORDER BY hold_expires_at LIMIT ?";
        return this.#sql.exec(query, now, limit).toArray().map(toOrder);
    }
    holdsOf(round) {
        return this.#sql
            .exec("SELECT * FROM orders WHERE status = 'held' AND round = ?", round)
            .toArray()
            .map(toOrder);
    }
    /** When the first of the present holds is over. */
    nextReleaseAt() {
        const query = "SELECT MIN(hold_expires_at) AS at FROM orders WHERE status = 'held'";
        return this.#sql.exec(query).one().at;
    }
    *spentTokens(round) {
        for (const row of this.#sql.exec("SELECT jti FROM orders WHERE round = ?", round))
            yield row.jti;
    }
    /** What the orders themselves say of the stock book: units by status. For checking, not for deciding. */
    unitsByStatus(round) {
        const query = "SELECT status, COUNT(*) AS orders, SUM(quantity) AS units FROM orders WHERE round = ? GROUP BY status";
        const rows = this.#sql.exec(query, round).toArray();
        return new Map(rows.map((row) => [row.status, { orders: row.orders, units: row.units }]));
    }
    /** Written unsent: the first sending is the caller's, the next is due at `nextSendAt`. */
    insertEvent(event, body, nextSendAt) {
        this.#sql.exec("INSERT INTO outbox (seq, event_id, body, at, attempts, next_send_at) VALUES (?, ?, ?, ?, 1, ?)", event.seq, event.eventId, body, event.at, nextSendAt);
    }
    eventsDue(now, limit) {
        const query = `SELECT seq, body, attempts FROM outbox WHERE parked = 0 AND next_send_at <= ? ORDER BY next_send_at, seq LIMIT ?`;
        return this.#sql
            .exec(query, now, limit)
            .toArray()
            .map((row) => ({ seq: row.seq, attempts: row.attempts, event: JSON.parse(row.body) }));
    }
    postponeEvent(seq, attempts, nextSendAt) {
        this.#sql.exec("UPDATE outbox SET attempts = ?, next_send_at = ? WHERE seq = ?", attempts, nextSendAt, seq);
    }
    deleteEvent(eventId) {
        this.#sql.exec("DELETE FROM outbox WHERE event_id = ?", eventId);
    }
    parkEvent(eventId) {
        this.#sql.exec("UPDATE outbox SET parked = 1 WHERE event_id = ?", eventId);
    }
    nextSendAt() {
        const query = "SELECT MIN(next_send_at) AS at FROM outbox WHERE parked = 0";
        return this.#sql.exec(query).one().at;
    }
    pending() {
        return this.#sql
            .exec("SELECT COUNT(*) AS pending, MIN(at) AS oldestAt FROM outbox")
            .one();
    }
    /** Whether anything of the order waits in the outbox. Event ids are `<orderId>.<version>`, and `/` comes after `.`. */
    isPending(orderId) {
        const query = "SELECT 1 FROM outbox WHERE event_id > ? AND event_id < ? LIMIT 1";
        return this.#sql.exec(query, `${orderId}.`, `${orderId}/`).toArray().length > 0;
    }
    callback(webhookId) {
        const query = "SELECT digest, refused_status FROM callbacks WHERE webhook_id = ?";
        for (const row of this.#sql.exec(query, webhookId)) {
            return { digest: row.digest, refusedStatus: row.refused_status };
        }
        return null;
    }
    insertCallback(webhookId, digest, refusedStatus, expiresAt) {
        const query = "INSERT INTO callbacks (webhook_id, digest, refused_status, expires_at) VALUES (?, ?, ?, ?)";
        this.#sql.exec(query, webhookId, digest, refusedStatus, expiresAt);
    }
    deleteCallbacksOver(now) {
        this.#sql.exec("DELETE FROM callbacks WHERE expires_at <= ?", now);
    }
    insertAudit(entry) {
        const query = "INSERT INTO audit (at, request_id, action, detail) VALUES (?, ?, ?, ?)";
        this.#sql.exec(query, entry.at, entry.requestId, entry.action, JSON.stringify(entry.detail));
    }
    /** The newest first. */
    audit(limit) {
        return this.#sql
            .exec("SELECT at, request_id, action, detail FROM audit ORDER BY entry DESC LIMIT ?", limit)
            .toArray()
            .map((row) => ({ at: row.at, requestId: row.request_id, action: row.action, detail: JSON.parse(row.detail) }));
    }
}
function bookValues(round) {
    const { ledger, orders } = round;
    return [
        Number(round.paused),
        Number(round.closed),
        round.version,
        ledger.allocated,
        ledger.available,
        ledger.held,
        ledger.paid,
        ledger.withdrawn,
        orders.held,
        orders.paid,
        orders.cancelled,
        orders.expired,
        orders.refund_due,
    ];
}
function toRound(row) {
    return {
        round: row.round,
        title: row.title,
        price: row.price,
        currency: row.currency,
        opensAt: row.opens_at,
        closesAt: row.closes_at,
        perBuyerLimit: row.per_buyer_limit,
        holdSeconds: row.hold_seconds,
        challenges: JSON.parse(row.challenges),
        gate: row.gate,
        paused: row.paused === 1,
        closed: row.closed === 1,
        stockSource: row.stock_source === "origin" ? "origin" : "operator",
        version: row.version,
        ledger: {
            allocated: row.allocated,
            available: row.available,
            held: row.held,
            paid: row.paid,
            withdrawn: row.withdrawn,
        },
        orders: {
            held: row.held_orders,
            paid: row.paid_orders,
            cancelled: row.cancelled_orders,
            expired: row.expired_orders,
            refund_due: row.refund_due_orders,
        },
    };
}
function toOrder(row) {
    return {
        orderId: row.order_id,
        round: row.round,
        jti: row.jti,
        buyerId: row.buyer_id,
        quantity: row.quantity,
        status: row.status,
        version: row.version,
        paymentId: row.payment_id,
        holdExpiresAt: row.hold_expires_at,
        createdAt: row.created_at,
        updatedAt: row.updated_at,
        cause: { requestId: row.request_id, traceparent: row.traceparent },
    };
}
