/**
 * How events travel through the queue: several in one message, as the text of a JSON document. Pure.
 *
 * A message costs the same whether it has one event or a hundred: three billed operations for every 64 KB, one of the 5,000 that a
 * queue takes a second, and its share of every step on the way. Text and not JSON, so that an event is made into JSON
 * once, where it is written, and nothing on the way reads it again. `parse-message.ts` of the writer reads it.
 */

/** As many hold some 47 KB of ours; it bounds what a batch of the writer holds, too. */
export const EVENTS_PER_MESSAGE = 100;

/** Below the 64,000 that are billed as one operation, with room for what the queue adds (about 100 bytes). */
export const MESSAGE_BYTES = 60_000;

/** The platform's bounds of one call: 256 KB, and 100 messages (https://developers.cloudflare.com/queues/platform/limits/). */
const SEND_BYTES = 240_000;
const SEND_MESSAGES = 100;

const encoder = new TextEncoder();

const ASCII = /^[\0-\x7f]*$/;

/** The length as the queue counts it, in bytes of UTF-8. Nearly all is ASCII, and need not be encoded to be counted. */
function bytesOf(text: string): number {
  return ASCII.test(text) ? text.length : encoder.encode(text).byteLength;
}

/** The message that carries these events, each as its JSON text. */
export function writeMessage(events: readonly string[]): string {
  return `{"events":[${events.join(",")}]}`;
}

const ENVELOPE_BYTES = bytesOf(writeMessage([]));

/** As few messages as it takes for these events, each as its JSON text, in their order. One that is too long goes alone. */
export function packMessages(events: readonly string[]): string[] {
  const bound = { count: EVENTS_PER_MESSAGE, bytes: MESSAGE_BYTES - ENVELOPE_BYTES };
  return cut(events, bound).map((group) => writeMessage(group));
}

/** What goes to the queue in one call each, as few calls as it takes. */
export function groupSendings(messages: readonly string[]): string[][] {
  return cut(messages, { count: SEND_MESSAGES, bytes: SEND_BYTES });
}

/** Cuts a list into runs within both bounds; a comma between two counts. */
function cut(texts: readonly string[], bound: { readonly count: number; readonly bytes: number }): string[][] {
  const runs: string[][] = [];
  let run: string[] = [];
  let bytes = 0;
  for (const text of texts) {
    const more = bytesOf(text) + 1;
    if (run.length > 0 && (run.length === bound.count || bytes + more > bound.bytes)) {
      runs.push(run);
      run = [];
      bytes = 0;
    }
    run.push(text);
    bytes += more;
  }
  if (run.length > 0) runs.push(run);
  return runs;
}
