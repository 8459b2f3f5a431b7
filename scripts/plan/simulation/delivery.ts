/** The way to Postgres in a simulated sale: events into messages, batches through the writer, acknowledgements back. */
import { GATHER_MS, TRANSACTION_EVENTS } from "../gateway-rules.ts";
import { HAPPENING } from "./happenings.ts";
import type { World } from "./world.ts";
import { Outbox } from "./outbox.ts";
import { type Batch, Writer } from "./writer.ts";

export class Delivery {
  readonly #world: World;
  readonly #writer: Writer;
  readonly #outboxes: readonly Outbox[];
  readonly #batches = new Map<number, Batch>();
  #ids = 0;
  #dueAt = Number.POSITIVE_INFINITY;
  /** From commit to row, of each event. Milliseconds. */
  readonly deliveredMs: number[] = [];

  constructor(world: World) {
    this.#world = world;
    this.#writer = new Writer(world.rules.batch);
    this.#outboxes = world.products.map((_, shard) => new Outbox(shard));
  }

  /** Events of a commit: they go at once, unless the outbox gathers. */
  send(now: number, shard: number, events: number): void {
    const outbox = this.#outbox(shard);
    this.#world.count("events", now, events);
    outbox.add({ at: now, events });
    if (!outbox.isGathering) this.gathered(now, shard);
  }

  /** What was gathered goes; and what comes next gathers behind it. */
  gathered(now: number, shard: number): void {
    const outbox = this.#outbox(shard);
    const messages = outbox.take(now);
    outbox.isGathering = messages.length > 0;
    if (!outbox.isGathering) return;
    this.#world.count("messages", now, messages.length);
    for (const message of messages) this.#writer.send(message);
    this.#world.heap.plan(now + GATHER_MS, HAPPENING.GATHERED, shard);
    this.#write(now);
  }

  #outbox(shard: number): Outbox {
    const outbox = this.#outboxes[shard];
    if (outbox === undefined) throw new Error(`No such product object: ${shard}`);
    return outbox;
  }

  due(now: number): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#write(now);
  }

  #write(now: number): void {
    const { heap, machine, sale, times } = this.#world;
    const { transactionMs, transactionEventMs } = sale.places;
    for (let batch = this.#writer.take(now); batch !== undefined; batch = this.#writer.take(now)) {
      const id = this.#ids++;
      this.#batches.set(id, batch);
      const transactions = Math.ceil(batch.events / TRANSACTION_EVENTS);
      this.#world.count("batches", now);
      this.#world.count("transactions", now, transactions);
      const readyAt = machine?.done(now, times.writerBatch + batch.events * times.writerEvent) ?? now;
      heap.plan(readyAt + transactions * transactionMs + batch.events * transactionEventMs, HAPPENING.WRITTEN, id);
    }
    const dueAt = Math.max(now, this.#writer.dueAt());
    if (dueAt < this.#dueAt && dueAt > now) {
      this.#dueAt = dueAt;
      heap.plan(dueAt, HAPPENING.WRITER_DUE, 0);
    }
  }

  written(now: number, id: number): void {
    const batch = this.#batches.get(id);
    if (batch === undefined) return;
    this.#batches.delete(id);
    this.#writer.done();
    for (const [shard, events] of batch.byShard) {
      const product = this.#world.product(shard);
      this.#world.count("acknowledgeCall", now);
      const takenAt = product.take(now + this.#world.sale.places.objectTripMs / 2);
      product.submit({ kind: "acknowledge", subject: events });
      this.#world.heap.plan(takenAt, HAPPENING.JOIN, shard);
    }
    for (const { at, events } of batch.parts) {
      for (let event = 0; event < events; event++) this.deliveredMs.push(now - at);
    }
    this.#write(now);
  }
}
