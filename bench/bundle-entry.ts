/** A Worker of the bench's own as one script, as wrangler would bundle it. */
import { build } from "esbuild";

export async function bundleEntry(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    bundle: true,
    outfile,
    format: "esm",
    target: "esnext",
    external: ["cloudflare:*", "node:*"],
    logLevel: "error",
  });
}
