/**
 * The gateway's process: workerd with every binding of wrangler.toml, run by Miniflare.
 *
 * The Worker has the socket to itself: Miniflare's own entry, and assets in front of the Worker, cost a factor of four
 * (measured: 24,300 requests/s against 6,000). So the static files stand in a second worker, which is nothing but
 * Cloudflare's own asset server, and the Worker asks it through its ASSETS binding for whatever is no path of the API.
 * What this gives up: locally a page request runs the Worker, in production it does not.
 */
import { dirname } from "node:path";
import { convertV4MiniflareOptions, Miniflare, type V4WorkerOptions, type V4WorkerOptionsShape } from "miniflare";
import { unstable_getMiniflareWorkerOptions as workerOptionsOf } from "wrangler";
import type { Vars } from "./dev-vars.ts";

const GATEWAY = "sluice";
const PAGE = "sluice-page";

/** How often the cron triggers run locally, in milliseconds: as in wrangler.toml. Miniflare itself never runs them. */
const CRON_INTERVAL_MS = 5 * 60 * 1000;

export interface RuntimeOptions {
  /** wrangler.toml's path. */
  readonly config: string;
  /** The bundled Worker's path. */
  readonly script: string;
  /** Addresses to listen on. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** Durable Objects and counters are kept here. */
  readonly persistDir: string;
  /** All of [vars] and the secrets. */
  readonly vars: Vars;
  /** Gets the Worker's warnings and errors, line by line. */
  readonly tell: (line: string) => void;
}

/** Starts it; ready when the socket is up. */
export async function startRuntime(options: RuntimeOptions): Promise<{ stop(): Promise<void> }> {
  // Its own type forgets every key but modulesRules: an Omit over an index signature.
  const workerOptions = workerOptionsOf(options.config).workerOptions as V4WorkerOptionsShape;
  const { assets, compatibilityDate } = workerOptions;
  const gateway: V4WorkerOptions = {
    ...workerOptions,
    name: GATEWAY,
    modules: true,
    rootPath: dirname(options.script),
    scriptPath: options.script,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- from TOML and JSON
    bindings: options.vars as NonNullable<V4WorkerOptions["bindings"]>,
    serviceBindings: { ...workerOptions.serviceBindings, ASSETS: PAGE },
    unsafeDirectSockets: options.addresses.map((host) => ({ host, port: options.port })),
  };
  delete gateway.assets; // Served by the second worker.
  delete gateway.modulesRules; // The bundle is one script.
  const page: V4WorkerOptions = {
    name: PAGE,
    modules: true,
    script: "export default { fetch: (request, env) => env.ASSETS.fetch(request) };",
    ...(compatibilityDate === undefined ? {} : { compatibilityDate }),
    ...(assets === undefined
      ? {}
      : { assets: { ...assets, binding: "ASSETS", routerConfig: { has_user_worker: false } } }),
  };
  const miniflare = withoutSignalHandlers(
    () =>
      new Miniflare(
        convertV4MiniflareOptions({
          cf: false,
          logRequests: false,
          resourcePersistencePath: options.persistDir,
          // The rest of what the Worker logs is for whoever runs a log pipeline.
          handleStructuredLogs: ({ level, message }) => {
            if (level === "error" || level === "warn") options.tell(message);
          },
          workers: [gateway, page],
        }),
      ),
  );
  await miniflare.ready;
  const crons = setInterval(() => void runCrons(miniflare, workerOptions.cronTriggers ?? []), CRON_INTERVAL_MS);
  return {
    stop: async () => {
      clearInterval(crons);
      await miniflare.dispose();
    },
  };
}

async function runCrons(miniflare: Miniflare, crons: readonly string[]): Promise<void> {
  const worker = await miniflare.getWorker(GATEWAY);
  for (const cron of crons) await worker.scheduled({ cron });
}

/** Miniflare ends the process at once on a signal; whoever runs the gateway has more to stop, in order. */
function withoutSignalHandlers<Value>(make: () => Value): Value {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const before = signals.map((signal) => process.listeners(signal));
  const value = make();
  signals.forEach((signal, index) => {
    for (const listener of process.listeners(signal)) {
      if (!before[index]?.includes(listener)) process.removeListener(signal, listener);
    }
  });
  return value;
}
