/**
 * The outbox's way out: events that are committed go to the queue, again and again until the writer acknowledges them.
 *
 * Sending is not delivery. `send()` to a queue may be lost (locally the queue is memory, in production a message that
 * fails too often is dropped), so a row is closed only by the writer's acknowledgement after Postgres has committed.
 * What a buyer is told never waits for any of this.
 *
 * After each sending the next one waits a moment, so that in a rush events travel many to a message: a call to the queue and
 * a message cost far more than the events in them, and a commit has few events. A lone event waits for nobody.
 */
import { describeFault, logEvent } from "../../src/log.ts";
import { wait, withTimeLimit } from "../../src/waiting.ts";
import { EVENTS_PER_MESSAGE, groupSendings, packMessages } from "./event-messages.ts";
import type { OutboxStatements } from "./outbox-statements.ts";

/** The writer has so long to acknowledge before an event is sent again: several queue batches and a slow transaction. */
export const RESEND_AFTER_MS = 5_000;
/** However long Postgres is down, an event comes by again within this time. */
const RESEND_AT_MOST_MS = 300_000;
/** What follows a sending gathers for so long: little beside the second that the queue itself gathers for. */
const GATHER_MS = 50;
/** Events taken at a time: four full messages, about what one call to the queue may carry. */
const EVENTS_PER_SENDING = 4 * EVENTS_PER_MESSAGE;
/** Events that wait in memory for their first sending; what is beyond stays on disk for the alarm. */
const UNSENT_LIMIT = 20_000;
/** A call to the queue that takes longer is given up: one that never came back would hold up all that follow. */
const SEND_TIMEOUT_MS = 10_000;
/** Sendings in one alarm: the alarm comes again for the rest. */
const RESENDS_PER_ALARM = 50;

/** When an event is sent again that was sent `attempts` times: the wait doubles up to a bound. */
export function decideResend(attempts: number, now: number): number {
  return now + Math.min(RESEND_AFTER_MS * 2 ** (attempts - 1), RESEND_AT_MOST_MS);
}

export interface OutboxOptions {
  readonly queue: Pick<Queue, "sendBatch">;
  readonly statements: OutboxStatements;
  readonly transaction: (write: () => void) => void;
  readonly keepAlive: (work: Promise<void>) => void;
}

export class Outbox {
  readonly #options: OutboxOptions;
  #unsent: string[] = [];
  #sending = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Events that were just committed, each as its JSON text: their first sending. */
  send(events: readonly string[]): void {
    if (events.length === 0 || this.#unsent.length > UNSENT_LIMIT) return;
    // One by one: closing a large round commits more events than a call takes arguments.
    for (const event of events) this.#unsent.push(event);
    if (!this.#sending) this.#options.keepAlive(this.#drain());
  }

  /** Sends again what was not acknowledged in time. */
  async resend(now: number): Promise<void> {
    const { statements, transaction } = this.#options;
    for (let sending = 0; sending < RESENDS_PER_ALARM; sending++) {
      const due = statements.due(now, EVENTS_PER_SENDING);
      if (due.length === 0) return;
      const alike = Map.groupBy(due, ({ attempts }) => attempts);
      transaction(() => {
        for (const [attempts, rows] of alike) {
          const seqs = rows.map(({ seq }) => seq);
          statements.postpone(seqs, attempts + 1, decideResend(attempts + 1, now));
        }
      });
      await this.#deliver(due.map(({ body }) => body));
    }
  }

  async #drain(): Promise<void> {
    this.#sending = true;
    try {
      while (this.#unsent.length > 0) {
        await this.#deliver(this.#unsent.splice(0, EVENTS_PER_SENDING));
        if (this.#unsent.length < EVENTS_PER_SENDING) await wait(GATHER_MS);
      }
    } finally {
      this.#sending = false;
    }
  }

  async #deliver(events: readonly string[]): Promise<void> {
    try {
      for (const messages of groupSendings(packMessages(events))) await this.#sendMessages(messages);
    } catch (fault) {
      // Nothing is lost: the rows stand in the outbox, and the alarm comes by again.
      logEvent("warn", "outbox-send-failed", { events: events.length, fault: describeFault(fault) });
    }
  }

  async #sendMessages(messages: readonly string[]): Promise<void> {
    const sending = this.#options.queue.sendBatch(messages.map((body) => ({ body, contentType: "text" })));
    await withTimeLimit(
      sending,
      SEND_TIMEOUT_MS,
      () => new Error(`The queue did not answer within ${SEND_TIMEOUT_MS} ms`),
    );
  }
}
