/** What the peers were tuned to: the best of a scan by tune.ts, not what they come with. How it was measured: README.md. */

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
