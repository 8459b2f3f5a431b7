/**
 * When the writer leaves Postgres alone: after several failures in a row, for a while; then one more failure is enough.
 * The rule only; the state lives in the isolate, so every isolate learns by itself, and forgets when it ends.
 */

export interface BreakerConfig {
  /** Failures in a row after which Postgres is left alone. */
  readonly breakerFailures: number;
  /** For how long, in ms. */
  readonly breakerPauseMs: number;
}

export interface BreakerState {
  /** Batches in a row that found Postgres unavailable. */
  readonly failures: number;
  /** Until when no batch is tried, in ms since the epoch; 0: at once. */
  readonly pausedUntil: number;
}

export const CLOSED_BREAKER: BreakerState = { failures: 0, pausedUntil: 0 };

/** The breaker after a batch that found Postgres available, or not. */
export function decideBreaker(
  state: BreakerState,
  available: boolean,
  config: BreakerConfig,
  now: number,
): BreakerState {
  if (available) return CLOSED_BREAKER;
  const failures = state.failures + 1;
  return { failures, pausedUntil: failures >= config.breakerFailures ? now + config.breakerPauseMs : 0 };
}

/** How long from `now` no batch is to be tried, in ms. */
export function decidePause(state: BreakerState, now: number): number {
  return Math.max(0, state.pausedUntil - now);
}
