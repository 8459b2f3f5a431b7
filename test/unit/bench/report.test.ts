import { describe, expect, it } from "vitest";
import { FORGED_FLOOR } from "../../../bench/floors/floor-names.ts";
import { formatResult } from "../../../bench/report.ts";
import { plotResults } from "../../../bench/plot/plot.ts";
import type { Result } from "../../../bench/results.ts";

const RESULT: Result = {
  name: "edge",
  at: "2026-11-22T06:00:00.000Z",
  commit: "0123456789ab",
  machine: {
    cpu: "cpu",
    cores: 2,
    memoryGiB: 4,
    kernel: "6",
    node: "v24",
    workerd: "1",
    postgres: "18",
    redis: "7",
    generator: "wrk 4",
  },
  conditions: { rounds: 1 },
  rounds: [
    [
      {
        subject: "time",
        perSecond: 900,
        latencyMs: { p50: 1, p95: 2, p99: 3, max: 4 },
        serverMicros: 50,
        generatorMicros: 10,
        foreign: 0,
        statuses: { 200: 900 },
      },
    ],
  ],
  ratios: [
    {
      subject: "time",
      baseline: "bare",
      of: "answers per second",
      median: 0.9,
      low: 0.8,
      high: 1,
      target: 0.95,
      atMost: false,
      kept: false,
    },
  ],
  facts: [{ name: "p95", value: 12, unit: "ms", target: 100, atMost: true, kept: true }],
  costs: {},
  thrownAway: ["round 1, time: others used 30 %"],
  notes: ["A note"],
};

describe("formatResult", () => {
  const text = formatResult(RESULT);

  it("prints ratios that are lost like those that are won", () => {
    expect(text).toMatch(/time \/ bare +answers per second +0\.90 +0\.80 +1\.00 +at least 0\.95 +no/);
    expect(text).toMatch(/p95 +12 +ms +at most 100 +yes/);
  });

  it("prints how near the floor comes, where there is one", () => {
    const [ratio] = RESULT.ratios;
    if (ratio === undefined) throw new Error("Expected a ratio, found none");
    const withFloor = formatResult({ ...RESULT, ratios: [{ ...ratio, floor: 0.93 }] });
    expect(withFloor).toMatch(/at least 0\.95 +no +0\.93/);
    expect(text).not.toMatch(/at least 0\.95 +no +\d/);
  });

  it("says how many slices were thrown away", () => {
    expect(text).toContain("thrown away because others used the machine: 1");
  });
});

describe("plotResults", () => {
  it("shows a bench's ratios of throughput", () => {
    expect(plotResults([RESULT])).toContain("Answered at the edge");
  });

  it("shows a floor as a mark, and not as a bar of its own", () => {
    const [ratio] = RESULT.ratios;
    if (ratio === undefined) throw new Error("Expected a ratio, found none");
    const ratios = [
      { ...ratio, floor: 0.93 },
      { ...ratio, subject: FORGED_FLOOR },
      { ...ratio, baseline: FORGED_FLOOR },
    ];
    const svg = plotResults([{ ...RESULT, ratios }]) ?? "";
    expect(svg.match(/<rect class="missed"/g)).toHaveLength(1);
    expect(svg.match(/<path class="floor"/g)).toHaveLength(1);
  });

  it("has nothing to show of a bench without them", () => {
    expect(plotResults([{ ...RESULT, ratios: [] }])).toBeNull();
  });
});
