import { describe, expect, it } from "vitest";
import { arrivals, momentOf, peakArrivals, PROFILES } from "../../../scripts/plan/simulation/arrivals.ts";
import { seededRandom } from "../../../scripts/rush/random.ts";

const BUYERS = 20_000;
const DURATION_MS = 60_000;

describe("arrivals", () => {
  it.each(PROFILES)("%s: all of them, in order, within the time", (profile) => {
    const moments = [...arrivals(profile, BUYERS, DURATION_MS, seededRandom(7))];
    expect(moments).toHaveLength(BUYERS);
    expect(moments).toEqual(moments.toSorted((a, b) => a - b));
    expect(moments[0]).toBeGreaterThanOrEqual(0);
    expect(moments.at(-1)).toBeLessThanOrEqual(DURATION_MS);
  });

  it.each(PROFILES)("%s: as many in the busiest second as the formula says, within its noise", (profile) => {
    const seconds = Array.from({ length: DURATION_MS / 1000 }, () => 0);
    for (const moment of arrivals(profile, BUYERS, DURATION_MS, seededRandom(7))) {
      const second = Math.min(Math.floor(moment / 1000), seconds.length - 1);
      seconds[second] = (seconds[second] ?? 0) + 1;
    }
    const expected = peakArrivals(profile, BUYERS, DURATION_MS);
    // Six standard deviations of a count, since the busiest of sixty seconds is looked for.
    expect(Math.abs(Math.max(...seconds) - expected)).toBeLessThan(6 * Math.sqrt(expected));
  });

  it("spike: half have come after a seventh of the time", () => {
    expect(momentOf("spike", 0.5)).toBeCloseTo(0.137, 3);
    expect(momentOf("spike", 1)).toBeCloseTo(1, 9);
  });
});
