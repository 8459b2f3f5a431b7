/**
 * Builds the browser's files from client/: public/sale.js (the sale page) and public/sluice.js (the library as an ES module).
 *
 * Both are outputs and are not tracked. Says nothing unless something is wrong; `wrangler.toml` runs it before every bundle.
 */
import { join } from "node:path";
import { build } from "esbuild";

const ROOT = join(import.meta.dirname, "..");

/** Builds into `outdir`; throws when a file does not compile. @default public/ */
export async function buildClient(outdir: string = join(ROOT, "public")): Promise<void> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: {
      sale: "client/page/main.ts",
      sluice: "client/index.ts",
      challenge: "client/challenge/solve.ts",
      "challenge-worker": "client/challenge/pow-worker.ts",
    },
    outdir,
    bundle: true,
    minify: true,
    format: "esm",
    // What browsers of the last three years understand.
    target: "es2022",
    legalComments: "none",
    logLevel: "warning",
  });
}

if (import.meta.main) await buildClient();
