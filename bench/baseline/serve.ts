/**
 * The baseline as a process of its own: serve.ts <state folder>. workers/bare.ts on the same workerd, with the same
 * compatibility date, Miniflare settings and direct socket as the gateway; prints its URL when it serves, ends with its stdin.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { freePort } from "../../scripts/gateway/addresses.ts";
import { tieWorkerd } from "../../scripts/gateway/lifeline.ts";
import { bundleEntry } from "../bundle-entry.ts";
import { readCompatibility } from "../machine/compatibility.ts";

const HOST = "127.0.0.1";
const [, , stateDir = ""] = process.argv;
const entry = fileURLToPath(new URL("../workers/bare.ts", import.meta.url));
const scriptPath = join(stateDir, "bare.js");
await bundleEntry(entry, scriptPath);

const port = await freePort();
const lifeline = tieWorkerd();
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    cf: false,
    logRequests: false,
    resourcePersistencePath: join(stateDir, "state"),
    workers: [
      {
        name: "bare",
        modules: true,
        rootPath: stateDir,
        scriptPath,
        ...readCompatibility(),
        durableObjects: { NOOP: { className: "NoopObject", useSQLite: true } },
        unsafeDirectSockets: [{ host: HOST, port }],
      },
    ],
  }),
);
await miniflare.ready;
console.log(JSON.stringify({ ready: true, url: `http://${HOST}:${port}` }));

process.stdin.resume().once("end", () => {
  void miniflare.dispose().then(() => {
    lifeline.release();
    process.exit(0);
  });
});
