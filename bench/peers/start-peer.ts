/** Starts a peer: the Redis that it needs, the bridge in front of it, and its own process; and ends all of them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import * as v from "valibot";
import { StartError } from "../../scripts/gateway/start-error.ts";
import { type AppendOnlyMode, startRedisServer } from "../../scripts/redis/redis-server.ts";
import type { PeerOptions, RunningPeer } from "../server.ts";

/** What a peer's process is and needs. */
export interface PeerProgram {
  /** Its file in this folder, without the ending. */
  readonly program: string;
  /** A Redis of its own, with what it keeps on disk. */
  readonly redis?: AppendOnlyMode;
  /** Whether it speaks to that Redis over REST. */
  readonly rest?: boolean;
  readonly postgres?: boolean;
}

/** What a program of this folder says when it serves. */
const ready = v.object({ ready: v.literal(true), url: v.string(), pids: v.array(v.number()) });

const ledger = v.object({
  allocated: v.number(),
  available: v.number(),
  held: v.number(),
  orders: v.number(),
  rows: v.number(),
});

const START_MS = 30_000;
/** For whatever a peer has to finish when it is told to end. */
const STOP_MS = 5000;
/** The bridge is on the loopback, and its Redis holds nothing that is worth anything. */
export const BRIDGE_TOKEN = "bench";

interface Part {
  readonly stop: () => Promise<unknown>;
}

/** One process of this folder, from "it serves" to its end. */
export async function startProgram(
  program: string,
  env: Readonly<Record<string, string>>,
): Promise<v.InferOutput<typeof ready> & Part> {
  const child = spawnProgram(program, env);
  try {
    return { ...(await untilReady(program, child)), stop: () => end(child) };
  } catch (fault) {
    await end(child);
    throw fault;
  }
}

/** @throws StartError where something is missing on this machine, with the way to get it. */
export async function startPeer(peer: PeerProgram, options: PeerOptions): Promise<RunningPeer> {
  const parts: Part[] = [];
  const pids: number[] = [];
  const stop = async (): Promise<void> => {
    for (const part of parts.splice(0).toReversed()) await part.stop();
  };
  try {
    const env = environmentOf(options);
    if (peer.redis !== undefined) {
      const redis = await startRedisServer(peer.redis);
      parts.push(redis);
      pids.push(redis.pid);
      env["REDIS_PORT"] = String(redis.port);
      if (peer.rest === true) {
        env["REST_TOKEN"] = BRIDGE_TOKEN;
        const bridge = await startProgram("rest-bridge", env);
        parts.push(bridge);
        env["REST_URL"] = bridge.url;
      }
    }
    if (peer.postgres === true) pids.push(...(await findPostmaster(options.databaseUrl)));
    const program = await startProgram(peer.program, env);
    parts.push(program);
    return { ...bookkeeper(program.url), url: program.url, pids: [...program.pids, ...pids], stop };
  } catch (fault) {
    await stop();
    throw fault;
  }
}

function environmentOf(options: PeerOptions): Record<string, string> {
  return {
    PORT: "0",
    DATABASE_URL: options.databaseUrl,
    STOCK: String(options.stock),
    PER_BUYER: String(options.perBuyer),
    TOKEN_KEY: options.tokenKey,
    ...options.env,
  };
}

/** A peer gets what it is told and nothing of the caller's: a DATABASE_URL of somebody else must not reach it. */
function inherited(): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "" };
}

function spawnProgram(program: string, env: Readonly<Record<string, string>>): ChildProcess {
  const file = fileURLToPath(new URL(`${program}.ts`, import.meta.url));
  return spawn(process.execPath, [file], { env: { ...inherited(), ...env }, stdio: ["pipe", "pipe", "inherit"] });
}

async function untilReady(program: string, child: ChildProcess): Promise<v.InferOutput<typeof ready>> {
  if (child.stdout === null) throw new Error("A peer's output must be piped");
  const lines = createInterface({ input: child.stdout });
  const gone = once(child, "exit").then(([code]) => `ended with code ${String(code)}`);
  const timer = Promise.withResolvers<string>();
  const timeout = setTimeout(() => timer.resolve(`said nothing for ${START_MS} ms`), START_MS);
  try {
    const first = await Promise.race([once(lines, "line"), gone, timer.promise]);
    if (typeof first === "string") throw new StartError(`The peer ${program} ${first}, and what it printed says why`);
    return v.parse(ready, JSON.parse(String(first[0])));
  } finally {
    clearTimeout(timeout);
  }
}

/** In order, and by force when it does not. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timeout = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(timeout);
}

/** The server's own process, of which every connection's process is a child; none where it is not on this machine. */
async function findPostmaster(databaseUrl: string): Promise<readonly number[]> {
  const sql = postgres(databaseUrl, { max: 1, fetch_types: false });
  try {
    const [row] = await sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
    const status = readFileSync(`/proc/${row?.pid ?? 0}/status`, "utf8");
    const [, parent = "0"] = /^Name:\s+postgres\n[^]*^PPid:\s+(\d+)$/m.exec(status) ?? [];
    return parent === "0" ? [] : [Number(parent)];
  } catch (fault) {
    if (fault instanceof Error && "code" in fault && fault.code === "ENOENT") return [];
    throw fault;
  } finally {
    await sql.end();
  }
}

function bookkeeper(url: string): Pick<RunningPeer, "ledger" | "reset"> {
  return {
    async ledger() {
      const response = await fetch(`${url}/bench/ledger`);
      if (!response.ok) throw new Error(`The ledger answered ${response.status}`);
      return v.parse(ledger, await response.json());
    },
    async reset(stock) {
      const headers = { "Content-Type": "application/json" };
      const response = await fetch(`${url}/bench/reset`, { method: "POST", headers, body: JSON.stringify({ stock }) });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`The reset answered ${response.status}`);
    },
  };
}
