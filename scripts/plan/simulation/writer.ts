/** The queue and the writer in the simulation: batches by size or by time, a few at once, and how long events were on their way. */
import type { GatewayRules } from "../gateway-rules.ts";
import type { Message, Part } from "./outbox.ts";

export interface Batch {
  readonly events: number;
  /** Events by product object, to be acknowledged there. */
  readonly byShard: ReadonlyMap<number, number>;
  readonly parts: readonly Part[];
}

export class Writer {
  readonly #rules: GatewayRules["batch"];
  readonly #sent: Message[] = [];
  #first = 0;
  #atWork = 0;

  constructor(rules: GatewayRules["batch"]) {
    this.#rules = rules;
  }

  /** Messages in the queue. */
  get waiting(): number {
    return this.#sent.length - this.#first;
  }

  send(message: Message): void {
    this.#sent.push(message);
  }

  /** When the next batch is due by its time, if it is not due by its size; infinite when nothing waits. */
  dueAt(): number {
    const oldest = this.#sent[this.#first];
    return oldest === undefined ? Number.POSITIVE_INFINITY : oldest.at + this.#rules.timeoutMs;
  }

  /** Takes a batch that is due; undefined when there is none, or no writer is free. */
  take(now: number): Batch | undefined {
    if (this.#atWork >= this.#rules.atOnce || this.waiting === 0) return undefined;
    if (this.waiting < this.#rules.messages && now < this.dueAt()) return undefined;
    const messages = this.#sent.slice(this.#first, this.#first + this.#rules.messages);
    this.#first += messages.length;
    this.#atWork++;
    const byShard = new Map<number, number>();
    for (const { shard, events } of messages) byShard.set(shard, (byShard.get(shard) ?? 0) + events);
    const events = messages.reduce((sum, message) => sum + message.events, 0);
    return { events, byShard, parts: messages.flatMap(({ parts }) => parts) };
  }

  done(): void {
    this.#atWork--;
  }
}
