/** How long a message waits before it is tried again. */

const FIRST_DELAY_SECONDS = 1;

/** Ten tries, as wrangler.toml allows, take about five minutes then. */
const LONGEST_DELAY_SECONDS = 60;

/** Doubles with each attempt; `attempts` is how often the message was delivered so far, from 1. In seconds. */
export function decideRetryDelay(attempts: number): number {
  return Math.min(FIRST_DELAY_SECONDS * 2 ** Math.max(0, attempts - 1), LONGEST_DELAY_SECONDS);
}
