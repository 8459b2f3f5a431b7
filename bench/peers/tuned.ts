/** What the peers were tuned to: the best of a scan by tune.ts, not what they come with. How it was measured: README.md. */

/** What tune.ts scans. */
export const POOL_SIZES = [2, 4, 8, 16, 32, 64] as const;
export const LOCK_PAUSES_MS = [1, 2, 5, 10, 20] as const;

/** Connections to Postgres. */
export const POOLS = {
  "unsafe-read-then-write": 16,
  "postgres-conditional": 16,
  "postgres-version": 4,
  "postgres-for-update": 8,
  "node-postgres": 16,
  "node-postgres-function": 16,
  synchronous: 16,
} as const;

/** Mean pause before a lock that somebody has is tried again. */
export const LOCK_PAUSE_MS = 2;
