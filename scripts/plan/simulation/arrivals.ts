/**
 * When buyers come, after the opening: a profile, and the moments that it gives, one by one and in order. Pure but for its
 * random numbers, which are handed in.
 */
import type { Random } from "../../rush/random.ts";

/**
 * - spike: most at once, fewer and fewer: the rate falls by e with every fifth of the time
 * - ramp: more and more, evenly, until the end
 * - poisson: the same rate all the time, each at a moment of its own
 */
export const PROFILES = ["spike", "ramp", "poisson"] as const;
export type Profile = (typeof PROFILES)[number];

/** The spike's rate falls by e this often within the arrival. */
const SPIKE_DECAYS = 5;

/** The share of the arrival's time after which `share` of the buyers have come. */
export function momentOf(profile: Profile, share: number): number {
  switch (profile) {
    case "spike":
      return -Math.log(1 - share * (1 - Math.exp(-SPIKE_DECAYS))) / SPIKE_DECAYS;
    case "ramp":
      return Math.sqrt(share);
    case "poisson":
      return share;
  }
}

/** The most buyers that come in one second, expected: for the report. */
export function peakArrivals(profile: Profile, buyers: number, durationMs: number): number {
  const second = Math.min(1, 1000 / durationMs);
  switch (profile) {
    case "spike":
      return (buyers * (1 - Math.exp(-SPIKE_DECAYS * second))) / (1 - Math.exp(-SPIKE_DECAYS));
    case "ramp":
      return buyers * (1 - (1 - second) ** 2);
    case "poisson":
      return buyers * second;
  }
}

/** The moments of `buyers` arrivals in ascending order, in milliseconds: order statistics, without a list to sort. */
export function* arrivals(profile: Profile, buyers: number, durationMs: number, random: Random): Generator<number> {
  let share = 0;
  for (let left = buyers; left > 0; left--) {
    // The least of `left` uniform numbers above `share`.
    share += (1 - share) * (1 - (1 - random.next()) ** (1 / left));
    yield momentOf(profile, Math.min(share, 1)) * durationMs;
  }
}
