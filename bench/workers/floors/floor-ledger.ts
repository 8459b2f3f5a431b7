/**
 * The least object that holds stock durably: one row an order, one counter, one row in an outbox, in one transaction for all
 * that came while the last one was on its way to disk.
 *
 * Once per buyer is the orders' primary key: the only index that a hold writes, and it finds a token that is sent again, too.
 * What it gives up beside the product object: rounds and their times, tokens' ids, expiry, payment and cancellation, caps
 * above one, hoarding, an audit list, retention, alarms, and a bound on what waits.
 */
import { DurableObject } from "cloudflare:workers";
import type { FloorEnv, FloorHold, FloorLedgerApi, FloorLedgerBooks, SequenceRange } from "./floor-env.ts";

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS stock (one INTEGER PRIMARY KEY, allocated INTEGER NOT NULL, available INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS orders (
    buyer_id TEXT PRIMARY KEY, order_id TEXT NOT NULL, quantity INTEGER NOT NULL, status TEXT NOT NULL, at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);`;

/** Orders of one message, as the gateway's outbox has them. */
const MESSAGE_ORDERS = 100;
/** Behind a message that was not full others gather, as in the gateway's outbox. In milliseconds. */
const GATHER_MS = 50;
/** As in the gateway: after a commit of so many the next one waits so many milliseconds for company, which costs less (decision 0034). */
const RUSH_BATCH = 8;
const RUSH_REST_MS = 6;

interface Waiting extends FloorHold {
  readonly resolve: (orderId: string | null) => void;
  readonly reject: (fault: unknown) => void;
}

/** Holds, and tells nobody: what is left of a hold when its delivery costs nothing. */
export class FloorLedger extends DurableObject<FloorEnv> implements FloorLedgerApi {
  #waiting: Waiting[] = [];
  #running = false;
  #available: number;
  #seq: number;

  constructor(ctx: DurableObjectState, env: FloorEnv) {
    super(ctx, env);
    ctx.storage.sql.exec(SCHEMA);
    const [stock] = ctx.storage.sql.exec<{ available: number }>("SELECT available FROM stock").toArray();
    this.#available = stock?.available ?? 0;
    this.#seq = ctx.storage.sql.exec<{ last: number | null }>("SELECT max(seq) AS last FROM outbox").one().last ?? 0;
  }

  hold(holds: readonly FloorHold[]): Promise<(string | null)[]> {
    const answers = holds.map(
      (each) =>
        new Promise<string | null>((resolve, reject) => {
          this.#waiting.push({ ...each, resolve, reject });
        }),
    );
    if (!this.#running) void this.#run();
    return Promise.all(answers);
  }

  acknowledge(ranges: readonly SequenceRange[]): void {
    for (const { first, last } of ranges) {
      this.ctx.storage.sql.exec("DELETE FROM outbox WHERE seq BETWEEN ? AND ?", first, last);
    }
  }

  books(): FloorLedgerBooks {
    return this.ctx.storage.sql
      .exec<Record<keyof FloorLedgerBooks, number>>(
        `SELECT allocated, available, (SELECT count(*) FROM orders) AS orders,
           (SELECT coalesce(sum(quantity), 0) FROM orders) AS held, (SELECT count(*) FROM outbox) AS pending FROM stock`,
      )
      .one();
  }

  /** Begins anew with so many units. */
  reset(stock: number): void {
    const { sql } = this.ctx.storage;
    this.ctx.storage.transactionSync(() => {
      sql.exec("DELETE FROM orders; DELETE FROM outbox");
      sql.exec("INSERT OR REPLACE INTO stock (one, allocated, available) VALUES (1, ?, ?)", stock, stock);
    });
    this.#available = stock;
  }

  /** Hears of every order that is on disk. @param body its row in the outbox. */
  protected told(_seq: number, _body: string): void {}

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        this.#commit(batch);
        await this.ctx.storage.sync();
        if (batch.length >= RUSH_BATCH) await scheduler.wait(RUSH_REST_MS);
      } catch (fault) {
        for (const { reject } of batch) reject(fault);
      }
    }
    this.#running = false;
  }

  #commit(batch: readonly Waiting[]): void {
    let available = this.#available;
    let seq = this.#seq;
    const { sql } = this.ctx.storage;
    const written: (readonly [number, string])[] = [];
    const answers = this.ctx.storage.transactionSync(() => {
      const held = batch.map(({ buyerId, orderId, at }) => {
        if (available === 0) return this.#orderOf(buyerId);
        const { rowsWritten } = sql.exec(
          "INSERT INTO orders (buyer_id, order_id, quantity, status, at) VALUES (?, ?, 1, 'held', ?) ON CONFLICT DO NOTHING",
          buyerId,
          orderId,
          at,
        );
        if (rowsWritten === 0) return this.#orderOf(buyerId);
        available--;
        const body = JSON.stringify({ orderId, buyerId, at });
        sql.exec("INSERT INTO outbox (seq, body) VALUES (?, ?)", ++seq, body);
        written.push([seq, body]);
        return orderId;
      });
      sql.exec("UPDATE stock SET available = ?", available);
      return held;
    });
    this.#available = available;
    this.#seq = seq;
    // The output gate keeps answers and messages back until the commit is on disk.
    batch.forEach(({ resolve }, index) => resolve(answers[index] ?? null));
    for (const [place, body] of written) this.told(place, body);
  }

  #orderOf(buyerId: string): string | null {
    const [row] = this.ctx.storage.sql
      .exec<{ order_id: string }>("SELECT order_id FROM orders WHERE buyer_id = ?", buyerId)
      .toArray();
    return row?.order_id ?? null;
  }
}

/**
 * Holds, and tells the writer by the queue; what it has not acknowledged is sent again when the object begins anew.
 * What it gives up: sending again by the clock, and sending when nobody buys any more.
 */
export class TellingFloorLedger extends FloorLedger {
  readonly #unsent: (readonly [seq: number, body: string])[];
  #sending = false;

  constructor(ctx: DurableObjectState, env: FloorEnv) {
    super(ctx, env);
    this.#unsent = ctx.storage.sql
      .exec<{ seq: number; body: string }>("SELECT seq, body FROM outbox ORDER BY seq")
      .toArray()
      .map(({ seq, body }) => [seq, body]);
  }

  protected override told(seq: number, body: string): void {
    this.#unsent.push([seq, body]);
    if (!this.#sending) this.ctx.waitUntil(this.#send());
  }

  async #send(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#unsent.length > 0) {
        const orders = this.#unsent.splice(0, MESSAGE_ORDERS);
        const [first, last] = [orders[0]?.[0], orders.at(-1)?.[0]];
        // Text, because the orders are JSON text already.
        const text = `{"ledger":${JSON.stringify(this.ctx.id.name)},"first":${first},"last":${last},"orders":[${orders.map(([, body]) => body).join(",")}]}`;
        await this.env.ORDERS.send(text, { contentType: "text" });
        if (this.#unsent.length < MESSAGE_ORDERS) await scheduler.wait(GATHER_MS);
      }
    } finally {
      this.#sending = false;
    }
  }
}
