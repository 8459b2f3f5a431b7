/**
 * The Worker as one file: wrangler's own bundle, by `wrangler deploy --dry-run`, so that what runs locally is what would be
 * deployed. Costs 1.5 s; whoever starts many gateways bundles once and hands the folder on.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { StartError } from "./start-error.ts";
import { PROJECT, wranglerEnvironment } from "./wrangler-environment.ts";

/** How much of a failed build's output is worth showing, in lines. */
const SHOWN_LINES = 20;

/** Bundles the Worker (and, by wrangler.toml's [build], the browser's files) and returns the path of its script. */
export async function bundleWorker(stateDir: string): Promise<string> {
  const outDir = join(stateDir, "bundle");
  const wrangler = join(PROJECT, "node_modules", "wrangler", "bin", "wrangler.js");
  const child = spawn(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", outDir], {
    cwd: PROJECT,
    env: { ...process.env, ...wranglerEnvironment(stateDir), WRANGLER_LOG: "warn" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  const told = stripVTControlCharacters(output).trim();
  if (status === 0 && told !== "") console.error(told); // Its warnings: a misspelt key, for one.
  if (status !== 0) {
    const lines = told.split("\n").slice(-SHOWN_LINES).join("\n");
    throw new StartError(`Cannot bundle the Worker: wrangler ended with ${status}\n${lines}`);
  }
  return join(outDir, "index.js");
}
