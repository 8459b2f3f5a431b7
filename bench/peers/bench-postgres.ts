/** The Postgres for everything that is measured: durable, as one that takes orders must be. */
import { type RealPostgres, startRealPostgres } from "../../scripts/postgres/real-postgres.ts";

/**
 * Postgres's own defaults but for these: fsync and synchronous_commit stay on, an answered order is on disk. A checkpoint
 * within a run of seconds would disturb one peer and not the next.
 */
export const DURABLE_SETTINGS = {
  max_connections: "200",
  shared_buffers: "256MB",
  max_wal_size: "4GB",
  checkpoint_timeout: "15min",
} as const;

export function startBenchPostgres(): Promise<RealPostgres> {
  return startRealPostgres(DURABLE_SETTINGS);
}
