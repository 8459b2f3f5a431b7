/** The limiter object's GCRA, against any sequence of requests: exact in every window, with a true time to retry. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideGcra, type GcraRule, intervalOf, refundGcra } from "../../../durable-objects/limiter/gcra.ts";

const START = 1_795_304_393_649;

interface Run {
  readonly rule: GcraRule;
  readonly steps: readonly { readonly afterMs: number; readonly cost: number; readonly refund: boolean }[];
}

const runs = (afterMs: fc.Arbitrary<number>): fc.Arbitrary<Run> =>
  fc
    .record({ limit: fc.integer({ min: 1, max: 12 }), windowMs: fc.integer({ min: 1, max: 60 }) })
    .chain(({ limit, windowMs }) =>
      fc.record({
        limit: fc.constant(limit),
        burst: fc.integer({ min: 1, max: limit }),
        windowMs: fc.constant(windowMs),
      }),
    )
    .chain((rule) =>
      fc.record({
        rule: fc.constant(rule),
        steps: fc.array(fc.record({ afterMs, cost: fc.integer({ min: 1, max: rule.burst }), refund: fc.boolean() }), {
          maxLength: 80,
        }),
      }),
    );

/** The units that passed, at the newest moment that the clock had shown. */
function play({ rule, steps }: Run): readonly number[] {
  let arrivalAt: number | undefined;
  let now = START;
  const taken: number[] = [];
  for (const { afterMs, cost } of steps) {
    now += afterMs;
    const decision = decideGcra(arrivalAt, { ...rule, cost, now });
    if (!decision.allowed) continue;
    taken.push(...Array<number>(cost).fill(Math.max(now, taken.at(-1) ?? now)));
    arrivalAt = decision.arrivalAt;
  }
  return taken;
}

function mostInAWindow(taken: readonly number[], windowMs: number): number {
  return Math.max(0, ...taken.map((from) => taken.filter((at) => at >= from && at < from + windowMs).length));
}

const forwards = runs(fc.integer({ min: 0, max: 15 }));

describe("decideGcra()", () => {
  it("never lets more than the limit into any half-open window", () => {
    fc.assert(
      fc.property(forwards, (run) => {
        expect(mostInAWindow(play(run), run.rule.windowMs)).toBeLessThanOrEqual(run.rule.limit);
      }),
      { numRuns: 500 },
    );
  });

  it("lets the whole limit into a window of whoever asks all the time: 1.0 times, not less", () => {
    for (const [limit, burst] of [
      [10, 5],
      [10, 1],
      [7, 7],
      [1000, 500],
    ] as const) {
      const rule = { limit, burst, windowMs: 60_000 };
      const steps = Array.from({ length: 60_001 }, () => ({ afterMs: 1, cost: 1, refund: false }));
      const atOnce = Array.from({ length: burst }, () => ({ afterMs: 0, cost: 1, refund: false }));
      const taken = play({ rule, steps: [...atOnce, ...steps] });
      expect(taken.filter((at) => at < START + 60_000).length).toBe(limit);
    }
  });

  it("does not drift from the limit by a million roundings", () => {
    const rule = { limit: 1_000_000, burst: 1, windowMs: 10_000 };
    let arrivalAt: number | undefined;
    let taken = 0;
    for (let now = START; now < START + 1000; now += 1) {
      for (;;) {
        const decision = decideGcra(arrivalAt, { ...rule, burst: 2000, cost: 1, now });
        if (!decision.allowed) break;
        arrivalAt = decision.arrivalAt;
        taken += 1;
      }
    }
    // A tenth of the window, and the burst.
    expect(taken).toBeLessThanOrEqual(100_000 + 2000);
    expect(taken).toBeGreaterThan(95_000);
    expect(intervalOf(rule) * 2048).toBe(Math.round(intervalOf(rule) * 2048));
  });

  it("tells a time to retry that is true to the millisecond", () => {
    fc.assert(
      fc.property(forwards, ({ rule, steps }) => {
        let arrivalAt: number | undefined;
        let now = START;
        for (const { afterMs, cost } of steps) {
          now += afterMs;
          const decision = decideGcra(arrivalAt, { ...rule, cost, now });
          if (decision.allowed) {
            arrivalAt = decision.arrivalAt;
            continue;
          }
          const at = now + decision.waitMs;
          expect(decideGcra(arrivalAt, { ...rule, cost, now: at }).allowed).toBe(true);
          expect(decideGcra(arrivalAt, { ...rule, cost, now: at - 1 }).allowed).toBe(false);
        }
      }),
    );
  });

  it("tells what is left: so much fits at once, and no more", () => {
    fc.assert(
      fc.property(forwards, ({ rule, steps }) => {
        let arrivalAt: number | undefined;
        let now = START;
        for (const { afterMs, cost } of steps) {
          now += afterMs;
          const { allowed, arrivalAt: after, remaining } = decideGcra(arrivalAt, { ...rule, cost, now });
          if (allowed) arrivalAt = after;
          expect(remaining).toBeLessThanOrEqual(rule.burst);
          const fits = (units: number) => decideGcra(arrivalAt, { ...rule, cost: units, now }).allowed;
          expect(remaining === 0 || fits(remaining)).toBe(true);
          expect(remaining < rule.burst && fits(remaining + 1)).toBe(false);
        }
      }),
    );
  });

  it("F10 lets nothing more through when the clock goes back", () => {
    fc.assert(
      fc.property(runs(fc.integer({ min: -30, max: 30 })), (run) => {
        expect(mostInAWindow(play(run), run.rule.windowMs)).toBeLessThanOrEqual(run.rule.limit);
      }),
    );
  });

  it("refuses to decide what could never be allowed", () => {
    const rule = { limit: 10, burst: 5, windowMs: 1000, now: START };
    expect(() => decideGcra(undefined, { ...rule, cost: 6 })).toThrow(RangeError);
    expect(() => decideGcra(undefined, { ...rule, cost: 0 })).toThrow(RangeError);
  });
});

describe("refundGcra()", () => {
  it("makes a request undone that is given back at once", () => {
    const rule = { limit: 10, burst: 5, windowMs: 6000 };
    const first = decideGcra(undefined, { ...rule, cost: 2, now: START });
    const second = decideGcra(first.arrivalAt, { ...rule, cost: 3, now: START });
    expect(refundGcra(second.arrivalAt, rule, 3, START, START)).toBe(first.arrivalAt);
  });

  it("never gives more than if the request had never come, however late it is", () => {
    fc.assert(
      fc.property(forwards, fc.integer({ min: 0, max: 40 }), ({ rule, steps }, refundAfterMs) => {
        // What passed and was not given back stays within the limit.
        let arrivalAt: number | undefined;
        let now = START;
        const kept: number[] = [];
        const open: { cost: number; at: number }[] = [];
        for (const { afterMs, cost, refund } of steps) {
          now += afterMs;
          for (const { cost: units, at } of open.splice(
            0,
            open.filter(({ at: since }) => since + refundAfterMs <= now).length,
          )) {
            arrivalAt = refundGcra(arrivalAt ?? now, rule, units, at, now);
          }
          const decision = decideGcra(arrivalAt, { ...rule, cost, now });
          if (!decision.allowed) continue;
          arrivalAt = decision.arrivalAt;
          if (refund) open.push({ cost, at: now });
          else kept.push(...Array<number>(cost).fill(now));
        }
        expect(mostInAWindow(kept, rule.windowMs)).toBeLessThanOrEqual(rule.limit);
      }),
      { numRuns: 500 },
    );
  });
});
