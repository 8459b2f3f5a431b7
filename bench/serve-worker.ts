/**
 * A Worker of the bench's own as a process: bundled as wrangler would, on the same workerd, with the same compatibility date,
 * Miniflare settings and direct socket as the gateway. Prints its URL when it serves, ends with its stdin (program.ts).
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Miniflare, type V4WorkerOptions } from "miniflare";
import { freePort } from "../scripts/gateway/addresses.ts";
import { tieWorkerd } from "../scripts/gateway/lifeline.ts";
import { bundleEntry } from "./bundle-entry.ts";
import { readCompatibility } from "./machine/compatibility.ts";
import { startProgram } from "./program.ts";
import type { RunningServer } from "./server.ts";

export const LOOPBACK = "127.0.0.1";

/** To be called by the program itself. @param name of its file in workers/, without the ending. */
export async function serveWorker(
  name: string,
  stateDir: string,
  options: Pick<V4WorkerOptions, "bindings" | "durableObjects" | "hyperdrives" | "queueConsumers" | "queueProducers">,
): Promise<void> {
  const scriptPath = join(stateDir, `${name}.js`);
  await bundleEntry(fileURLToPath(new URL(`workers/${name}.ts`, import.meta.url)), scriptPath);
  const port = await freePort();
  const worker: V4WorkerOptions = {
    name,
    modules: true,
    rootPath: stateDir,
    scriptPath,
    ...readCompatibility(),
    ...options,
    unsafeDirectSockets: [{ host: LOOPBACK, port }],
  };
  await serveUntilInputEnds(stateDir, [worker], [port]);
}

/** Serves until the program's stdin ends. @param ports of the Workers' sockets, in their order; the first one's URL is the program's. */
export async function serveUntilInputEnds(
  stateDir: string,
  workers: V4WorkerOptions[],
  ports: readonly number[],
): Promise<void> {
  const lifeline = tieWorkerd();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      cf: false,
      logRequests: false,
      resourcePersistencePath: join(stateDir, "state"),
      handleStructuredLogs: ({ level, message }) => {
        if (level === "error" || level === "warn") console.error(message);
      },
      workers,
    }),
  );
  await miniflare.ready;
  const urls = ports.map((port) => `http://${LOOPBACK}:${port}`);
  console.log(JSON.stringify({ ready: true, url: urls[0], urls }));
  process.stdin.resume().once("end", () => {
    void miniflare.dispose().then(() => {
      lifeline.release();
      process.exit(0);
    });
  });
}

/** Starts a program that serves such a Worker: its first argument is a state folder, which ends with it. */
export async function startWorkerProgram(
  program: URL,
  name: string,
  args: readonly string[] = [],
): Promise<RunningServer> {
  const stateDir = await mkdtemp(join(tmpdir(), `sluice-bench-${name}-`));
  const server = await startProgram(fileURLToPath(program), [stateDir, ...args]);
  return {
    ...server,
    stop: async () => {
      await server.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
