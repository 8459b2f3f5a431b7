/**
 * Several isolates of one gateway, as a process: serve.ts <state folder> <script> <database URL> <how many>.
 *
 * On Cloudflare a sale is served by many isolates in many places, which share the objects and nothing else. Here each is a
 * Worker service of the same bundle with a socket of its own, whose bindings lead to the objects of the first one.
 */
import { dirname, join } from "node:path";
import type { V4WorkerOptions, V4WorkerOptionsShape } from "miniflare";
import { unstable_getMiniflareWorkerOptions as workerOptionsOf } from "wrangler";
import { freePort } from "../../scripts/gateway/addresses.ts";
import { readWranglerConfig } from "../../scripts/gateway/check-wrangler.ts";
import { readDemoVars } from "../../scripts/gateway/dev-vars.ts";
import { PROJECT, wranglerEnvironment } from "../../scripts/gateway/wrangler-environment.ts";
import { LOOPBACK, serveUntilInputEnds } from "../serve-worker.ts";

const OWNER = "sluice";

const [, , stateDir = "", script = "", databaseUrl = "", count = ""] = process.argv;
Object.assign(process.env, wranglerEnvironment(stateDir, databaseUrl));
// Its own type forgets every key but modulesRules: an Omit over an index signature.
const options = workerOptionsOf(join(PROJECT, "wrangler.toml")).workerOptions as V4WorkerOptionsShape;
const bindings = { ...readWranglerConfig().vars, ...(await readDemoVars()) };
const ports: number[] = [];
const workers: V4WorkerOptions[] = [];
for (let index = 0; index < Number(count); index++) {
  const port = await freePort();
  ports.push(port);
  const worker: V4WorkerOptions = {
    ...options,
    name: index === 0 ? OWNER : `${OWNER}-${index}`,
    modules: true,
    rootPath: dirname(script),
    scriptPath: script,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- from TOML and JSON
    bindings: bindings as NonNullable<V4WorkerOptions["bindings"]>,
    unsafeDirectSockets: [{ host: LOOPBACK, port }],
  };
  delete worker.assets;
  delete worker.modulesRules;
  if (index > 0) {
    delete worker.queueConsumers; // The first one writes for all.
    worker.durableObjects = Object.fromEntries(
      Object.entries(options.durableObjects ?? {}).map(([name, object]) => [
        name,
        { className: typeof object === "string" ? object : object.className, scriptName: OWNER, useSQLite: true },
      ]),
    );
  }
  workers.push(worker);
}
await serveUntilInputEnds(stateDir, workers, ports);
