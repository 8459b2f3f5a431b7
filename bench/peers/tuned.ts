/** What the peers were tuned to, by a scan of tune.ts: README.md says how it was measured, and what is yet to be scanned. */

/** What tune.ts scans. */
export const POOL_SIZES = [2, 4, 8, 16, 32, 64] as const;
export const LOCK_PAUSES_MS = [1, 2, 5, 10, 20] as const;

/** Connections to Postgres. */
export const POOLS = {
  "unsafe-read-then-write": 16,
  "postgres-conditional": 16,
  "postgres-version": 2,
  "postgres-for-update": 8,
  "node-postgres": 4,
  "node-postgres-function": 2,
  synchronous: 2,
} as const;

/** Mean pause before a lock that somebody has is tried again. */
export const LOCK_PAUSE_MS = 2;
