/** From rounds to ratios: each round compares its own slices, and the median of those is the result. Pure. */
import type { Fact, Ratio, Slice } from "./results.ts";
import { median, rounded, spreadOf } from "./statistics.ts";

export interface Wanted {
  readonly subject: string;
  readonly baseline: string;
  /** The least that the ratio should be; the most where `atMost`. */
  readonly target?: number;
  readonly atMost?: boolean;
  /** The subject that says how near the target can be come: the least program for the same job. */
  readonly floor?: string;
}

/** What is compared of a slice, and what it is called. */
export interface Measure {
  readonly name: string;
  of(slice: Slice): number;
}

export const THROUGHPUT: Measure = { name: "answers per second", of: ({ perSecond }) => perSecond };
export const SERVER_CPU: Measure = { name: "CPU per answer", of: ({ serverMicros }) => serverMicros };

/** @throws when a round has no slice of the two. */
export function ratioOf(rounds: readonly (readonly Slice[])[], wanted: Wanted, measure: Measure = THROUGHPUT): Ratio {
  const { subject, baseline, floor } = wanted;
  const of = (name: string): readonly number[] => rounds.map((slices) => ratioIn(slices, name, baseline, measure));
  return {
    ...ratioFrom(wanted, measure.name, of(subject)),
    ...(floor === undefined ? {} : { floor: rounded(spreadOf(of(floor)).median, 3) }),
  };
}

/** @param ratios one of each round. @param of what was compared. */
export function ratioFrom(wanted: Wanted, of: string, ratios: readonly number[]): Ratio {
  const { subject, baseline, target, atMost = false } = wanted;
  const spread = spreadOf(ratios);
  return {
    subject,
    baseline,
    of,
    median: rounded(spread.median, 3),
    low: rounded(spread.low, 3),
    high: rounded(spread.high, 3),
    ...(target === undefined ? {} : { target, atMost }),
    kept: isKept(spread.median, target, atMost),
  };
}

function ratioIn(slices: readonly Slice[], subject: string, baseline: string, measure: Measure): number {
  const [of, to] = [subject, baseline].map((name) => slices.find((slice) => slice.subject === name));
  if (of === undefined || to === undefined) throw new Error(`A round lacks ${subject} or ${baseline}`);
  return measure.of(of) / measure.of(to);
}

export function isKept(value: number, target: number | undefined, atMost: boolean): boolean {
  return target === undefined || (atMost ? value <= target : value >= target);
}

/** A figure that is no ratio; `most` is what it may be at the most. */
export function factOf(name: string, value: number, unit: string, most?: number): Fact {
  return {
    name,
    value: rounded(value),
    unit,
    ...(most === undefined ? {} : { target: most, atMost: true }),
    kept: isKept(value, most, true),
  };
}

function middle(values: readonly number[]): number {
  return rounded(median(values));
}

/** One subject's slices of all rounds, each figure's median. */
export function medianSlice(rounds: readonly (readonly Slice[])[], subject: string): Omit<Slice, "statuses"> {
  const slices = rounds.flatMap((round) => round.filter((slice) => slice.subject === subject));
  const latencies = slices.flatMap(({ latencyMs }) => (latencyMs === undefined ? [] : [latencyMs]));
  const of = (figure: (slice: Slice) => number): number => middle(slices.map(figure));
  return {
    subject,
    perSecond: of(({ perSecond }) => perSecond),
    ...(latencies.length === 0
      ? {}
      : {
          latencyMs: {
            p50: middle(latencies.map(({ p50 }) => p50)),
            p95: middle(latencies.map(({ p95 }) => p95)),
            p99: middle(latencies.map(({ p99 }) => p99)),
            max: middle(latencies.map(({ max }) => max)),
          },
        }),
    serverMicros: of(({ serverMicros }) => serverMicros),
    generatorMicros: of(({ generatorMicros }) => generatorMicros),
    foreign: of(({ foreign }) => foreign),
  };
}
