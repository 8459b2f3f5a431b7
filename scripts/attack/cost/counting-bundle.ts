/** The Worker's bundle with the counting entry around it: the gateway's own code is in it as it would be deployed. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { bundleWorker } from "../../gateway/bundle.ts";

const ENTRY = fileURLToPath(new URL("counting-worker.ts", import.meta.url));

/** Bundles once for any number of gateways; returns the script's path. */
export async function bundleCountingWorker(stateDir: string): Promise<string> {
  const script = await bundleWorker(stateDir);
  const outfile = join(dirname(script), "counting.js");
  await build({
    entryPoints: [ENTRY],
    alias: { "sluice-gateway": script },
    bundle: true,
    outfile,
    format: "esm",
    target: "esnext",
    external: ["cloudflare:*", "node:*"],
    logLevel: "error",
  });
  return outfile;
}
