import { describe, expect, it } from "vitest";
import { Writer } from "../../../scripts/plan/simulation/writer.ts";

const RULES = { messages: 100, timeoutMs: 1000, atOnce: 2 };

describe("Writer", () => {
  it("waits for company, but not longer than its time", () => {
    const writer = new Writer(RULES);
    writer.send({ shard: 0, at: 50, events: 3 });
    expect(writer.take(1049)).toBeUndefined();
    expect(writer.dueAt()).toBe(1050);
    expect(writer.take(1050)?.events).toBe(3);
  });

  it("takes a full batch at once, and leaves the rest", () => {
    const writer = new Writer(RULES);
    writer.send({ shard: 0, at: 0, events: 70 });
    writer.send({ shard: 1, at: 1, events: 80 });
    const batch = writer.take(1);
    expect(batch?.events).toBe(100);
    expect(Object.fromEntries(batch?.byShard ?? [])).toEqual({ 0: 70, 1: 30 });
    expect(writer.waiting).toBe(50);
    expect(writer.dueAt()).toBe(1001);
  });

  it("has so many at work and no more", () => {
    const writer = new Writer(RULES);
    writer.send({ shard: 0, at: 0, events: 300 });
    expect([writer.take(0)?.events, writer.take(0)?.events, writer.take(0)]).toEqual([100, 100, undefined]);
    writer.done();
    expect(writer.take(0)?.events).toBe(100);
  });
});
