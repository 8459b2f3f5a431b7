/** The queue and the writer in the simulation: batches by size or by time, a few at once, and how long events were on their way. */
import type { GatewayRules } from "../gateway-rules.ts";

/** Events of one commit of one product. */
interface Sent {
  readonly shard: number;
  readonly at: number;
  readonly events: number;
}

export interface Batch {
  readonly events: number;
  /** Events by product object, to be acknowledged there. */
  readonly byShard: ReadonlyMap<number, number>;
  readonly parts: readonly Sent[];
}

export class Writer {
  readonly #rules: GatewayRules["batch"];
  readonly #sent: Sent[] = [];
  #first = 0;
  #atWork = 0;
  waiting = 0;

  constructor(rules: GatewayRules["batch"]) {
    this.#rules = rules;
  }

  send(sent: Sent): void {
    this.#sent.push(sent);
    this.waiting += sent.events;
  }

  /** When the next batch is due by its time, if it is not due by its size; infinite when nothing waits. */
  dueAt(): number {
    const oldest = this.#sent[this.#first];
    return this.waiting === 0 || oldest === undefined ? Number.POSITIVE_INFINITY : oldest.at + this.#rules.timeoutMs;
  }

  /** Takes a batch that is due; undefined when there is none, or no writer is free. */
  take(now: number): Batch | undefined {
    if (this.#atWork >= this.#rules.atOnce || this.waiting === 0) return undefined;
    if (this.waiting < this.#rules.messages && now < this.dueAt()) return undefined;
    const parts: Sent[] = [];
    const byShard = new Map<number, number>();
    let room = this.#rules.messages;
    while (room > 0) {
      const sent = this.#sent[this.#first];
      if (sent === undefined) break;
      const events = Math.min(room, sent.events);
      parts.push({ ...sent, events });
      byShard.set(sent.shard, (byShard.get(sent.shard) ?? 0) + events);
      room -= events;
      if (events === sent.events) this.#first++;
      else this.#sent[this.#first] = { ...sent, events: sent.events - events };
    }
    const events = this.#rules.messages - room;
    this.waiting -= events;
    this.#atWork++;
    return { events, byShard, parts };
  }

  done(): void {
    this.#atWork--;
  }
}
