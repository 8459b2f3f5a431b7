/**
 * Product objects with no gateway around them, as a process of their own: serve.ts <their own folder, which ends with it> <state folder>.
 * What is in the objects outlives the process.
 */
import { serveWorker } from "../serve-worker.ts";

const [, , , stateDir = ""] = process.argv;
await serveWorker("ledger", stateDir, {
  durableObjects: { PRODUCT: { className: "ProductObject", useSQLite: true } },
});
