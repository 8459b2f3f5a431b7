/** The Worker's bundle with an entry of the planner's around it: the gateway's own code is in it as it would be deployed. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundleWorker } from "../../gateway/bundle.ts";

/** `measured`: nothing is in the way of its speed. `metered`: calls and rows are counted. */
const ENTRIES = { measured: "measured-worker.ts", metered: "metered-worker.ts" } as const;
export type Entry = keyof typeof ENTRIES;

/** Bundles the Worker once, with each entry around it; returns the scripts' paths. */
export async function bundleEntries(stateDir: string): Promise<Readonly<Record<Entry, string>>> {
  const gateway = await bundleWorker(stateDir);
  const [measured, metered] = await Promise.all([wrap("measured", gateway), wrap("metered", gateway)]);
  return { measured, metered };
}

async function wrap(entry: Entry, gateway: string): Promise<string> {
  const outfile = join(dirname(gateway), `${entry}.js`);
  await build({
    entryPoints: [fileURLToPath(new URL(ENTRIES[entry], import.meta.url))],
    alias: { "sluice-gateway": gateway },
    bundle: true,
    outfile,
    format: "esm",
    target: "esnext",
    external: ["cloudflare:*", "node:*"],
    logLevel: "error",
  });
  return outfile;
}
