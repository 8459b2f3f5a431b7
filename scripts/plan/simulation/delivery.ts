/** The way to Postgres in a simulated sale: events into the queue, batches through the writer, acknowledgements back. */
import { HAPPENING } from "./happenings.ts";
import type { World } from "./world.ts";
import { type Batch, Writer } from "./writer.ts";

export class Delivery {
  readonly #world: World;
  readonly #writer: Writer;
  readonly #batches = new Map<number, Batch>();
  #ids = 0;
  #dueAt = Number.POSITIVE_INFINITY;
  /** From commit to row, of each event. Milliseconds. */
  readonly deliveredMs: number[] = [];

  constructor(world: World) {
    this.#world = world;
    this.#writer = new Writer(world.rules.batch);
  }

  send(now: number, shard: number, events: number): void {
    this.#world.count("events", now, events);
    this.#world.count("messages", now, events);
    this.#writer.send({ shard, at: now, events });
    this.#write(now);
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
      this.#world.count("batches", now);
      const readyAt = machine?.done(now, times.writerBatch + batch.events * times.writerEvent) ?? now;
      heap.plan(readyAt + transactionMs + batch.events * transactionEventMs, HAPPENING.WRITTEN, id);
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
