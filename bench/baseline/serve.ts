/** The baseline as a process of its own: serve.ts <state folder>. */
import { serveWorker } from "../serve-worker.ts";

const [, , stateDir = ""] = process.argv;
await serveWorker("bare", stateDir, { durableObjects: { NOOP: { className: "NoopObject", useSQLite: true } } });
