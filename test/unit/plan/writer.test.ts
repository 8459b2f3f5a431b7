import { describe, expect, it } from "vitest";
import { Outbox } from "../../../scripts/plan/simulation/outbox.ts";
import { Writer } from "../../../scripts/plan/simulation/writer.ts";

const RULES = { messages: 10, timeoutMs: 1000, atOnce: 2 };

function message(shard: number, at: number, events: number) {
  return { shard, at, events, parts: [{ at, events }] };
}

function send(writer: Writer, count: number, at: number, shard = 0): void {
  for (let sent = 0; sent < count; sent++) writer.send(message(shard, at, 3));
}

describe("Writer", () => {
  it("waits for company, but not longer than its time", () => {
    const writer = new Writer(RULES);
    send(writer, 3, 50);
    expect(writer.take(1049)).toBeUndefined();
    expect(writer.dueAt()).toBe(1050);
    expect(writer.take(1050)?.events).toBe(9);
    expect(writer.dueAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it("waits for nobody where it is told not to, and takes all that has gathered while it was busy", () => {
    const writer = new Writer({ messages: 10, timeoutMs: 0, atOnce: 1 });
    send(writer, 1, 5);
    expect(writer.take(5)?.events).toBe(3);
    send(writer, 4, 6);
    expect(writer.take(6)).toBeUndefined();
    writer.done();
    expect(writer.take(9)?.events).toBe(12);
  });

  it("takes a full batch at once, and leaves the rest", () => {
    const writer = new Writer(RULES);
    send(writer, 7, 0);
    send(writer, 8, 1, 1);
    const batch = writer.take(1);
    expect(batch?.events).toBe(30);
    expect(Object.fromEntries(batch?.byShard ?? [])).toEqual({ 0: 21, 1: 9 });
    expect(writer.waiting).toBe(5);
    expect(writer.dueAt()).toBe(1001);
  });

  it("has so many at work and no more", () => {
    const writer = new Writer(RULES);
    send(writer, 30, 0);
    expect([writer.take(0)?.events, writer.take(0)?.events, writer.take(0)]).toEqual([30, 30, undefined]);
    writer.done();
    expect(writer.take(0)?.events).toBe(30);
  });
});

describe("Outbox", () => {
  it("packs what waits into as few messages as it takes, each event once, with the moment of its commit", () => {
    const outbox = new Outbox(2);
    for (const [at, events] of [
      [1, 60],
      [2, 60],
      [3, 130],
    ] as const) {
      outbox.add({ at, events });
    }
    const messages = outbox.take(9);
    expect(messages.map(({ shard, at, events }) => [shard, at, events])).toEqual([
      [2, 9, 100],
      [2, 9, 100],
      [2, 9, 50],
    ]);
    expect(messages.map(({ parts }) => parts)).toEqual([
      [
        { at: 1, events: 60 },
        { at: 2, events: 40 },
      ],
      [
        { at: 2, events: 20 },
        { at: 3, events: 80 },
      ],
      [{ at: 3, events: 50 }],
    ]);
    expect(outbox.take(10)).toEqual([]);
  });
});
