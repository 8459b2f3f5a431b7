/** The floors as a process of their own, with bindings of the gateway's kinds: serve.ts <state folder> <database URL> <bindings as JSON>. */
import type { V4WorkerOptions } from "miniflare";
import { serveWorker } from "../serve-worker.ts";

const QUEUE = "floor-orders";
/** As wrangler.toml has the writer: messages in a batch, how many seconds one waits for company, and how many batches at once. */
const WRITER = { maxBatchSize: 10, maxBatchTimeout: 1, maxConcurrency: 4 };

const [, , stateDir = "", databaseUrl = "", bindings = "{}"] = process.argv;
await serveWorker("floors", stateDir, {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by floors.ts
  bindings: JSON.parse(bindings) as NonNullable<V4WorkerOptions["bindings"]>,
  durableObjects: {
    COUNTS: { className: "FloorCounts", useSQLite: true },
    LEDGER: { className: "FloorLedger", useSQLite: true },
    TELLING_LEDGER: { className: "TellingFloorLedger", useSQLite: true },
  },
  queueProducers: { ORDERS: QUEUE },
  queueConsumers: { [QUEUE]: WRITER },
  hyperdrives: { ORIGIN_DB: databaseUrl },
});
