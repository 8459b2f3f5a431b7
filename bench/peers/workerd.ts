/**
 * Runs a peer's Worker on workerd as the gateway is run: bundled, by Miniflare, with the socket to itself.
 * It ends with this process, in whatever way that ends.
 */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare, type V4WorkerOptions } from "miniflare";
import { freePort } from "../../scripts/gateway/addresses.ts";
import { tieWorkerd } from "../../scripts/gateway/lifeline.ts";

/** As in wrangler.toml. */
const COMPATIBILITY_DATE = "2026-10-01";

export interface WorkerOptions {
  /** Below bench/workers/peers/. */
  readonly script: string;
  readonly bindings: NonNullable<V4WorkerOptions["bindings"]>;
  readonly durableObjects?: Record<string, string>;
  /** 0: a free one. */
  readonly port: number;
}

export interface RunningWorker {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const lifeline = tieWorkerd();
  const port = options.port === 0 ? await freePort() : options.port;
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      logRequests: false,
      workers: [
        {
          name: "peer",
          modules: true,
          script: await bundle(options.script),
          compatibilityDate: COMPATIBILITY_DATE,
          bindings: options.bindings,
          unsafeDirectSockets: [{ host: "127.0.0.1", port }],
          ...(options.durableObjects === undefined ? {} : { durableObjects: options.durableObjects }),
        },
      ],
    }),
  );
  await miniflare.ready;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      await miniflare.dispose();
      lifeline.release();
    },
  };
}

async function bundle(script: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../workers/peers/${script}`, import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    target: "esnext",
    conditions: ["workerd", "worker", "import"],
    mainFields: ["module", "main"],
    external: ["cloudflare:*", "node:*"],
    // rate-limiter-flexible requires modules of Node for stores that are not used here.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire("/");' },
    alias: { cluster: "node:cluster", crypto: "node:crypto" },
  });
  const [output] = outputFiles;
  if (output === undefined) throw new Error(`There is no bundle of ${script}`);
  return output.text;
}
