/**
 * A product object's outbox in the simulation: events go at once when none went just before, and otherwise gather, many to a message.
 * Their number bounds a message, not their length: a hundred of ordinary length fit. Sending takes no time here.
 */
import { EVENTS_PER_MESSAGE } from "../../../durable-objects/product/event-messages.ts";

/** Events of one commit. */
export interface Part {
  readonly at: number;
  readonly events: number;
}

/** A message of the queue. `at`: when it was sent, in milliseconds since the opening. */
export interface Message {
  readonly shard: number;
  readonly at: number;
  readonly events: number;
  readonly parts: readonly Part[];
}

export class Outbox {
  readonly #shard: number;
  #unsent: Part[] = [];
  /** Whether something was sent so recently that what comes now waits. */
  isGathering = false;

  constructor(shard: number) {
    this.#shard = shard;
  }

  add(part: Part): void {
    this.#unsent.push(part);
  }

  /** All that waits, in as few messages as it takes. */
  take(at: number): Message[] {
    const messages: Message[] = [];
    let parts: Part[] = [];
    let events = 0;
    const close = (): void => {
      if (events > 0) messages.push({ shard: this.#shard, at, events, parts });
      parts = [];
      events = 0;
    };
    for (const part of this.#unsent) {
      for (let left = part.events; left > 0; ) {
        const fits = Math.min(left, EVENTS_PER_MESSAGE - events);
        parts.push({ at: part.at, events: fits });
        events += fits;
        left -= fits;
        if (events === EVENTS_PER_MESSAGE) close();
      }
    }
    close();
    this.#unsent = [];
    return messages;
  }
}
