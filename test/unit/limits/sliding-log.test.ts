/** The sliding log, against any sequence of requests: exact at every instant, with a true time to retry. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideSlidingLog, refundSlidingLog, type SlidingLog } from "../../../durable-objects/limiter/sliding-log.ts";

const START = 1_795_304_393_649;

interface Run {
  readonly limit: number;
  readonly windowMs: number;
  /** Ms after the request before; small against the window, so that limits are reached. */
  readonly steps: readonly { readonly afterMs: number; readonly cost: number }[];
}

const runs = (afterMs: fc.Arbitrary<number>): fc.Arbitrary<Run> =>
  fc
    .record({ limit: fc.integer({ min: 1, max: 8 }), windowMs: fc.integer({ min: 1, max: 50 }) })
    .chain(({ limit, windowMs }) =>
      fc.record({
        limit: fc.constant(limit),
        windowMs: fc.constant(windowMs),
        steps: fc.array(fc.record({ afterMs, cost: fc.integer({ min: 1, max: limit }) }), { maxLength: 60 }),
      }),
    );

/** Every unit that a run took. A clock behind the newest unit counts as standing still there. */
function play({ limit, windowMs, steps }: Run): { readonly taken: readonly number[]; readonly log: SlidingLog } {
  let log: SlidingLog = [];
  let now = START;
  const taken: number[] = [];
  for (const { afterMs, cost } of steps) {
    now += afterMs;
    const decision = decideSlidingLog(log, { limit, windowMs, cost, now });
    if (decision.allowed) taken.push(...Array<number>(cost).fill(Math.max(now, taken.at(-1) ?? now)));
    log = decision.log;
  }
  return { taken, log };
}

function mostInAWindow(taken: readonly number[], windowMs: number): number {
  return Math.max(0, ...taken.map((from) => taken.filter((at) => at >= from && at < from + windowMs).length));
}

const forwards = runs(fc.integer({ min: 0, max: 20 }));
const anyClock = runs(fc.integer({ min: -40, max: 40 }));

describe("decideSlidingLog()", () => {
  it("never lets more than the limit into any half-open window", () => {
    fc.assert(
      fc.property(forwards, (run) => {
        expect(mostInAWindow(play(run).taken, run.windowMs)).toBeLessThanOrEqual(run.limit);
      }),
    );
  });

  it("F10 never lets more through when the clock goes back", () => {
    fc.assert(
      fc.property(anyClock, (run) => {
        expect(mostInAWindow(play(run).taken, run.windowMs)).toBeLessThanOrEqual(run.limit);
      }),
    );
  });

  it("refuses only what would not fit", () => {
    fc.assert(
      fc.property(forwards, fc.integer({ min: 0, max: 60 }), (run, afterMs) => {
        const { taken, log } = play(run);
        const now = (taken.at(-1) ?? START) + afterMs;
        const { limit, windowMs } = run;
        const { allowed } = decideSlidingLog(log, { limit, windowMs, cost: 1, now });
        const counted = taken.filter((at) => at > now - windowMs).length;
        expect(allowed).toBe(counted + 1 <= limit);
      }),
    );
  });

  it("takes nothing for a refused request", () => {
    fc.assert(
      fc.property(anyClock, ({ limit, windowMs, steps }) => {
        let log: SlidingLog = [];
        let now = START;
        for (const { afterMs, cost } of steps) {
          now += afterMs;
          const decision = decideSlidingLog(log, { limit, windowMs, cost, now });
          expect(decision.allowed || decision.log === log).toBe(true);
          expect(decision.log.length).toBeLessThanOrEqual(limit);
          log = decision.log;
        }
      }),
    );
  });

  it("allows a retry after exactly waitMs, and refuses it 1 ms before", () => {
    fc.assert(
      fc.property(anyClock, ({ limit, windowMs, steps }) => {
        let log: SlidingLog = [];
        let now = START;
        for (const { afterMs, cost } of steps) {
          now += afterMs;
          const { allowed, log: after, waitMs } = decideSlidingLog(log, { limit, windowMs, cost, now });
          log = after;
          if (allowed) continue;
          expect(decideSlidingLog(log, { limit, windowMs, cost, now: now + waitMs }).allowed).toBe(true);
          expect(decideSlidingLog(log, { limit, windowMs, cost, now: now + waitMs - 1 }).allowed).toBe(false);
        }
      }),
    );
  });

  it("says of an allowed request when the next unit comes back", () => {
    fc.assert(
      fc.property(forwards, (run) => {
        const { log } = play(run);
        const { limit, windowMs } = run;
        const now = (log.at(-1) ?? START) + 1;
        const first = decideSlidingLog(log, { limit, windowMs, cost: 1, now });
        fc.pre(first.allowed);
        const at = (afterMs: number) =>
          decideSlidingLog(first.log, { limit: limit + 1, windowMs, cost: 1, now: now + afterMs }).log.length - 1;
        expect(at(first.waitMs)).toBeLessThan(first.log.length);
        expect(at(first.waitMs - 1)).toBe(first.log.length);
      }),
    );
  });

  it("gives a boundary attacker 1.0 times the limit", () => {
    const limit = 10;
    const windowMs = 60_000;
    let log: SlidingLog = [];
    const taken: number[] = [];
    // Everything at the end of one clock minute, everything again at the beginning of the next.
    for (const now of [59_999, 60_000, 60_001, 119_998, 119_999, 120_000]) {
      for (let request = 0; request < limit * 2; request += 1) {
        const decision = decideSlidingLog(log, { limit, windowMs, cost: 1, now });
        if (decision.allowed) taken.push(now);
        log = decision.log;
      }
    }
    expect(taken).toEqual([...Array<number>(limit).fill(59_999), ...Array<number>(limit).fill(119_999)]);
  });

  it("obeys a limit that was lowered since, with a true time to retry", () => {
    const log = [START, START + 10, START + 20, START + 30];
    const request = { limit: 2, windowMs: 100, cost: 1, now: START + 40 };
    const { allowed, remaining, waitMs } = decideSlidingLog(log, request);
    expect({ allowed, remaining, waitMs }).toEqual({ allowed: false, remaining: 0, waitMs: 80 });
    expect(decideSlidingLog(log, { ...request, now: START + 120 }).allowed).toBe(true);
    expect(decideSlidingLog(log, { ...request, now: START + 119 }).allowed).toBe(false);
  });

  it.each([0, 3])("throws at a cost of %i for a limit of 2, which no time would allow", (cost) => {
    expect(() => decideSlidingLog([], { limit: 2, windowMs: 100, cost, now: START })).toThrow(RangeError);
  });
});

describe("refundSlidingLog()", () => {
  it("leaves the log as if the request had never come", () => {
    fc.assert(
      fc.property(forwards, fc.nat(), (run, nth) => {
        let log: SlidingLog = [];
        let without: SlidingLog = [];
        let now = START;
        let refunded: { readonly cost: number; readonly takenAt: number } | undefined;
        let taken = 0;
        for (const { afterMs, cost } of run.steps) {
          now += afterMs;
          const request = { limit: run.limit, windowMs: run.windowMs, cost, now };
          const decision = decideSlidingLog(log, request);
          if (!decision.allowed) continue;
          log = decision.log;
          if (taken === nth % 10) refunded = { cost, takenAt: decision.takenAt };
          else without = decideSlidingLog(without, request).log;
          taken += 1;
        }
        if (refunded !== undefined) log = refundSlidingLog(log, refunded.cost, refunded.takenAt);
        // Units that are over may still stand in one of them.
        const live = (units: SlidingLog) => units.filter((at) => at > now - run.windowMs);
        expect(live(log)).toEqual(live(without));
      }),
    );
  });

  it("takes nothing of others when its own units are over", () => {
    expect(refundSlidingLog([START + 1, START + 2], 2, START)).toEqual([START + 1, START + 2]);
    expect(refundSlidingLog([START, START + 1], 2, START)).toEqual([START + 1]);
  });
});
