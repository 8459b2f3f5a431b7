/** How events are packed for the queue: every event once, in order, within the platform's bounds. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EVENTS_PER_MESSAGE,
  groupSendings,
  MESSAGE_BYTES,
  packMessages,
} from "../../../durable-objects/product/event-messages.ts";

/** What the platform bills as one operation, and what it takes in one message and in one call. */
const OPERATION_BYTES = 64_000;
const MESSAGE_BYTES_MOST = 128_000;
const SEND_BYTES_MOST = 256_000;
const SEND_MESSAGES_MOST = 100;

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}

function eventsIn(message: string): unknown {
  return (JSON.parse(message) as { readonly events: unknown }).events;
}

/** A JSON text of so many bytes. */
function textOf(bytes: number): string {
  return JSON.stringify("x".repeat(bytes - 2));
}

/** Events as JSON texts, from short to far longer than any of ours, in one to three bytes a character. */
const events = fc.array(
  fc
    .tuple(fc.constantFrom("a", "\u00e9", "\u53f0"), fc.integer({ min: 0, max: 20_000 }))
    .map(([letter, length]) => JSON.stringify({ text: letter.repeat(length) })),
  { maxLength: 250 },
);

describe("packMessages", () => {
  it("keeps every event once and in order, in messages of at most a hundred and 60 KB", () => {
    fc.assert(
      fc.property(events, (list) => {
        const messages = packMessages(list);
        expect(messages.flatMap(eventsIn)).toEqual(list.map((event) => JSON.parse(event)));
        for (const message of messages) {
          const count = (eventsIn(message) as readonly unknown[]).length;
          expect(count).toBeGreaterThan(0);
          expect(count).toBeLessThanOrEqual(EVENTS_PER_MESSAGE);
          expect(count === 1 || bytesOf(message) <= MESSAGE_BYTES).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("fills a message up to the last byte, and no further", () => {
    // Beside the two events: the envelope, which is 13 bytes, and room for a comma behind each.
    const half = (MESSAGE_BYTES - 13 - 2) / 2;
    expect(packMessages([textOf(Math.floor(half)), textOf(Math.floor(half))])).toHaveLength(1);
    expect(packMessages([textOf(Math.ceil(half) + 1), textOf(Math.ceil(half))])).toHaveLength(2);
  });

  it("sends an event that is too long for company alone", () => {
    const long = JSON.stringify("x".repeat(MESSAGE_BYTES));
    expect(packMessages(["1", long, "2"]).map(eventsIn)).toEqual([[1], [JSON.parse(long)], [2]]);
  });

  it("stays below what is billed as one operation", () => {
    expect(MESSAGE_BYTES).toBeLessThan(OPERATION_BYTES - 100);
  });
});

describe("groupSendings", () => {
  it("keeps every message once and in order, in calls that the platform takes", () => {
    const messages = fc.array(
      fc.integer({ min: 1, max: MESSAGE_BYTES_MOST }).map((length) => "m".repeat(length)),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(messages, (list) => {
        const sendings = groupSendings(list);
        expect(sendings.flat()).toEqual(list);
        for (const sending of sendings) {
          expect(sending.reduce((sum, message) => sum + bytesOf(message), 0)).toBeLessThanOrEqual(SEND_BYTES_MOST);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("puts four full messages into one call, and at most a hundred of any size", () => {
    expect(groupSendings(Array.from({ length: 5 }, () => "m".repeat(MESSAGE_BYTES - 1)))).toHaveLength(2);
    const short = groupSendings(Array.from({ length: 101 }, () => "m"));
    expect(short.map(({ length }) => length)).toEqual([SEND_MESSAGES_MOST, 1]);
  });
});
