/**
 * The floors as a process of their own: serve.ts <state folder> <database URL> <bindings as JSON>. workers/floors.ts on the same
 * workerd, with the same compatibility date, Miniflare settings and direct socket as the gateway, and bindings of the same
 * kinds; prints its URL when it serves, ends with its stdin.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Miniflare, type V4WorkerOptions } from "miniflare";
import { freePort } from "../../scripts/gateway/addresses.ts";
import { tieWorkerd } from "../../scripts/gateway/lifeline.ts";
import { bundleEntry } from "../bundle-entry.ts";
import { readCompatibility } from "../machine/compatibility.ts";

const HOST = "127.0.0.1";
const QUEUE = "floor-orders";
/** As wrangler.toml has the writer: messages in a batch, how many seconds one waits for company, and how many batches at once. */
const WRITER = { maxBatchSize: 10, maxBatchTimeout: 1, maxConcurrency: 4 };

const [, , stateDir = "", databaseUrl = "", bindings = "{}"] = process.argv;
const entry = fileURLToPath(new URL("../workers/floors.ts", import.meta.url));
const scriptPath = join(stateDir, "floors.js");
await bundleEntry(entry, scriptPath);

const port = await freePort();
const lifeline = tieWorkerd();
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    cf: false,
    logRequests: false,
    resourcePersistencePath: join(stateDir, "state"),
    handleStructuredLogs: ({ level, message }) => {
      if (level === "error" || level === "warn") console.error(message);
    },
    workers: [
      {
        name: "floors",
        modules: true,
        rootPath: stateDir,
        scriptPath,
        ...readCompatibility(),
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
        unsafeDirectSockets: [{ host: HOST, port }],
      },
    ],
  }),
);
await miniflare.ready;
console.log(JSON.stringify({ ready: true, url: `http://${HOST}:${port}` }));

process.stdin.resume().once("end", () => {
  void miniflare.dispose().then(() => {
    lifeline.release();
    process.exit(0);
  });
});
