import { describe, expect, it } from "vitest";
import { latencyOf, median, percentile, rounded, spreadOf } from "../../../bench/statistics.ts";

describe("percentile", () => {
  it("stands between two neighbours in proportion", () => {
    expect(percentile([10, 20, 30, 40], 0.5)).toBe(25);
    expect(percentile([10, 20], 0.75)).toBe(17.5);
  });

  it("gives the ends at 0 and 1, in whatever order the values come", () => {
    expect(percentile([3, 1, 2], 0)).toBe(1);
    expect(percentile([3, 1, 2], 1)).toBe(3);
  });

  it("is no number where there is no value", () => {
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe("median", () => {
  it("is not moved by one wild value", () => {
    expect(median([1, 2, 900])).toBe(2);
  });
});

describe("spreadOf", () => {
  it("has the least and the most beside the median", () => {
    expect(spreadOf([0.9, 1.2, 1])).toEqual({ median: 1, low: 0.9, high: 1.2 });
  });
});

describe("latencyOf", () => {
  it("takes more values than a function takes arguments", () => {
    const values = Array.from({ length: 300_000 }, (_, index) => index);
    expect(latencyOf(values).max).toBe(299_999);
  });
});

describe("rounded", () => {
  it("keeps significant digits, not decimals", () => {
    expect(rounded(0.000123456)).toBe(0.0001235);
    expect(rounded(123_456)).toBe(123_500);
  });

  it("leaves what is no number", () => {
    expect(rounded(Number.NaN)).toBeNaN();
  });
});
