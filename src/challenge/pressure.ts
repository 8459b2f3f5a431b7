/**
 * How hard the gateway is asked for tokens, as seen by one isolate: requests per second, smoothed. Pure: state in, state out.
 *
 * What it gives up: isolates share no memory, so a crowd that is spread over many presses each of them less. It is an
 * occasion to ask for more work, not a limit; limits count exactly elsewhere.
 */

export interface Pressure {
  /** Requests per second, at `at`. */
  readonly perSecond: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export const NO_PRESSURE: Pressure = { perSecond: 0, at: 0 };

/** A crowd's arrival shows within this time, and is forgotten within some of it. Milliseconds. */
const MEMORY_MS = 5_000;

/** The pressure at `now`, when nothing came since. A clock that goes back counts as one that stands still. */
export function pressureAt({ perSecond, at }: Pressure, now: number): number {
  return perSecond * Math.exp(-Math.max(now - at, 0) / MEMORY_MS);
}

/** One more request. A steady stream of n a second settles at n. */
export function addRequest(pressure: Pressure, now: number): Pressure {
  return { perSecond: pressureAt(pressure, now) + 1000 / MEMORY_MS, at: Math.max(now, pressure.at) };
}
