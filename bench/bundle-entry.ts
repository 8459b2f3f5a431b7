/** A Worker of the bench's own as one script, as wrangler would bundle it. */
import { build } from "esbuild";

export async function bundleEntry(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    bundle: true,
    outfile,
    format: "esm",
    target: "esnext",
    // As wrangler resolves packages: postgres has an entry of its own for workerd.
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "error",
  });
}
