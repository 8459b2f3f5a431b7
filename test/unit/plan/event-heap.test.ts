import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventHeap } from "../../../scripts/plan/simulation/event-heap.ts";

describe("EventHeap", () => {
  it("gives events back by their time, those of one moment in the order of planning", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 3000 }), (moments) => {
        const heap = new EventHeap();
        moments.forEach((at, index) => heap.plan(at, index % 256, index));
        const wanted = moments.map((at, subject) => ({ at, subject })).toSorted((a, b) => a.at - b.at);
        const given: { at: number; subject: number }[] = [];
        while (heap.next()) {
          expect(heap.kind).toBe(heap.subject % 256);
          given.push({ at: heap.at, subject: heap.subject });
        }
        expect(given).toEqual(wanted);
      }),
      { numRuns: 50 },
    );
  });

  it("takes events that are planned while others are taken out", () => {
    const heap = new EventHeap();
    heap.plan(10, 1, 0);
    heap.plan(30, 1, 2);
    heap.next();
    heap.plan(20, 1, 1);
    expect(heap.nextAt).toBe(20);
    const subjects: number[] = [];
    while (heap.next()) subjects.push(heap.subject);
    expect(subjects).toEqual([1, 2]);
    expect(heap.nextAt).toBe(Number.POSITIVE_INFINITY);
  });
});
