/**
 * A real Redis on this machine: Debian's redis-server on the loopback, in a folder of its own, gone afterwards.
 *
 * What it keeps on disk the caller says; what it kept is deleted when it stops.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../gateway/addresses.ts";
import { tieProcess } from "../gateway/lifeline.ts";
import { StartError } from "../gateway/start-error.ts";

/** How long a healthy machine may take to start one. */
const START_MS = 10_000;
const RETRY_MS = 25;

/**
 * When a write is on disk: `off`: never; `everysec`: a second of writes may be lost; `always`: before it is answered.
 * https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
 */
export const APPEND_ONLY_MODES = ["off", "everysec", "always"] as const;

export type AppendOnlyMode = (typeof APPEND_ONLY_MODES)[number];

export interface RedisServer {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

export const REDIS_MISSING =
  "There is no redis-server on this machine, 7 or newer is wanted: apt-get install redis-server";

/** The program's path, or null where it is not installed. */
export function findRedisServer(): string | null {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const found = folders.map((folder) => join(folder, "redis-server")).find(isProgram);
  return found ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Starts a server that answers.
 *
 * @throws StartError where redis-server is not installed, with the way to get it.
 */
export async function startRedisServer(appendOnly: AppendOnlyMode = "off"): Promise<RedisServer> {
  const program = findRedisServer();
  if (program === null) throw new StartError(REDIS_MISSING);
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), "sluice-redis-"));
  const persistence =
    appendOnly === "off" ? ["--appendonly", "no"] : ["--appendonly", "yes", "--appendfsync", appendOnly];
  const options = ["--bind", "127.0.0.1", "--port", String(port), "--save", "", "--dir", dir, ...persistence];
  const child = spawn(program, options, { stdio: "ignore" });
  tieProcess(child);
  const stop = async (): Promise<void> => {
    await endProcess(child);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await untilUp(port, child);
    return { port, pid: child.pid ?? 0, stop };
  } catch (fault) {
    await stop();
    throw fault;
  }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

async function untilUp(port: number, child: ChildProcess): Promise<void> {
  const until = performance.now() + START_MS;
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch (fault) {
      if (child.exitCode !== null || performance.now() > until) {
        throw new Error("redis-server did not start", { cause: fault });
      }
      await sleep(RETRY_MS);
    } finally {
      socket.destroy();
    }
  }
}
