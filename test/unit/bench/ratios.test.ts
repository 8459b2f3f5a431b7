import { describe, expect, it } from "vitest";
import { factOf, medianSlice, ratioOf, SERVER_CPU } from "../../../bench/ratios.ts";
import type { Slice } from "../../../bench/results.ts";

function slice(subject: string, perSecond: number, serverMicros = 100): Slice {
  const latencyMs = { p50: 1, p95: 2, p99: 3, max: 4 };
  return { subject, perSecond, latencyMs, serverMicros, generatorMicros: 10, foreign: 0, statuses: { 200: perSecond } };
}

const ROUNDS = [
  [slice("ours", 80, 120), slice("bare", 100, 100)],
  [slice("bare", 50, 100), slice("ours", 45, 110)],
  [slice("ours", 300, 130), slice("bare", 300, 100)],
];

describe("ratioOf", () => {
  it("compares within each round, and takes the median of the ratios", () => {
    expect(ratioOf(ROUNDS, { subject: "ours", baseline: "bare" })).toMatchObject({ median: 0.9, low: 0.8, high: 1 });
  });

  it("keeps a least target that is reached exactly, and misses one above", () => {
    expect(ratioOf(ROUNDS, { subject: "ours", baseline: "bare", target: 0.9 }).kept).toBe(true);
    expect(ratioOf(ROUNDS, { subject: "ours", baseline: "bare", target: 0.91 }).kept).toBe(false);
  });

  it("misses a most target that is exceeded", () => {
    const wanted = { subject: "ours", baseline: "bare", target: 1.19, atMost: true };
    expect(ratioOf(ROUNDS, wanted, SERVER_CPU)).toMatchObject({ median: 1.2, kept: false, atMost: true });
  });

  it("tells what the floor reached beside the same baseline", () => {
    const rounds = ROUNDS.map((round) => [...round, slice("least", 90)]);
    expect(ratioOf(rounds, { subject: "ours", baseline: "bare", floor: "least" })).toMatchObject({
      median: 0.9,
      floor: 0.9,
    });
    expect(ratioOf(rounds, { subject: "ours", baseline: "bare" })).not.toHaveProperty("floor");
  });

  it("refuses a round that lacks one of the two", () => {
    expect(() => ratioOf([[slice("ours", 1)]], { subject: "ours", baseline: "bare" })).toThrow(
      "A round lacks ours or bare",
    );
  });
});

describe("medianSlice", () => {
  it("takes each figure's median over the rounds", () => {
    expect(medianSlice(ROUNDS, "ours")).toMatchObject({ perSecond: 80, serverMicros: 120, latencyMs: { p95: 2 } });
  });

  it("has no latency where nobody measured it", () => {
    const { latencyMs: _, ...stopped } = slice("ours", 80);
    expect(medianSlice([[stopped]], "ours")).not.toHaveProperty("latencyMs");
  });
});

describe("factOf", () => {
  it("is kept at its most, and not above", () => {
    expect(factOf("p95", 100, "ms", 100).kept).toBe(true);
    expect(factOf("p95", 100.1, "ms", 100).kept).toBe(false);
    expect(factOf("p95", 100.1, "ms").kept).toBe(true);
  });
});
