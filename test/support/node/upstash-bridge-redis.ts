/** A real Redis for tests: a server of its own on the loopback, without persistence, and just enough of its protocol. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../../scripts/gateway/addresses.ts";

/** How long a healthy machine may take to start one. */
const START_MS = 10_000;
const RETRY_MS = 25;
/** Ends the server should this process be killed: it would run on by itself. */
const WATCH = fileURLToPath(new URL("../../../scripts/gateway/lifeline-watch.ts", import.meta.url));

/** What Redis answers (RESP2). An error is a value here: the bridge tells it on. */
export type Reply = string | number | null | RedisError | readonly Reply[];

export class RedisError extends Error {
  override readonly name = "RedisError";
}

export interface Redis {
  readonly send: (command: readonly string[]) => Promise<Reply>;
  readonly stop: () => Promise<void>;
}

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

export async function startRedis(program: string): Promise<Redis> {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), "sluice-redis-"));
  const options = ["--bind", "127.0.0.1", "--port", String(port), "--save", "", "--appendonly", "no", "--dir", dir];
  const child = spawn(program, options, { stdio: "ignore" });
  const watch = spawn(process.execPath, [WATCH], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  watch.unref();
  watch.stdin.on("error", () => {});
  if (child.pid !== undefined) watch.stdin.write(`+${child.pid}\n`);
  const stop = async (): Promise<void> => {
    await endProcess(child);
    // Nothing to end any more: its id may be somebody else's by now.
    watch.stdin.end(`-${child.pid}\n`);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const socket = await connectWhenUp(port, child);
    return {
      send: sender(socket),
      stop: async () => {
        socket.destroy();
        await stop();
      },
    };
  } catch (fault) {
    await stop();
    throw fault;
  }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

async function connectWhenUp(port: number, child: ChildProcess): Promise<Socket> {
  const until = performance.now() + START_MS;
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return socket.setNoDelay();
    } catch (fault) {
      socket.destroy();
      if (child.exitCode !== null || performance.now() > until) {
        throw new Error("redis-server did not start", { cause: fault });
      }
      await new Promise((resolve) => {
        setTimeout(resolve, RETRY_MS);
      });
    }
  }
}

/** One connection: Redis answers in the order in which it is asked. */
function sender(socket: Socket): Redis["send"] {
  const waiting: ((reply: Reply) => void)[] = [];
  let unread = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    unread = Buffer.concat([unread, chunk]);
    for (let read = parseReply(unread, 0); read !== null; read = parseReply(unread, 0)) {
      unread = unread.subarray(read.end);
      waiting.shift()?.(read.reply);
    }
  });
  const fail = (): void => {
    for (const resolve of waiting.splice(0)) resolve(new RedisError("The connection to redis-server is gone"));
  };
  socket.on("error", fail);
  socket.on("close", fail);
  return (command) =>
    new Promise((resolve) => {
      waiting.push(resolve);
      const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
      socket.write(`*${command.length}\r\n${parts.join("")}`);
    });
}

/** Null: there is more to come. https://redis.io/docs/latest/develop/reference/protocol-spec/ */
function parseReply(bytes: Buffer, start: number): { readonly reply: Reply; readonly end: number } | null {
  const lineEnd = bytes.indexOf("\r\n", start);
  if (lineEnd === -1) return null;
  const kind = String.fromCharCode(bytes[start] ?? 0);
  const line = bytes.toString("utf8", start + 1, lineEnd);
  const next = lineEnd + 2;
  if (kind === "+") return { reply: line, end: next };
  if (kind === "-") return { reply: new RedisError(line), end: next };
  const count = Number(line);
  if (kind === ":") return { reply: count, end: next };
  if (count === -1) return { reply: null, end: next };
  if (kind === "$") {
    const end = next + count;
    return bytes.length < end + 2 ? null : { reply: bytes.toString("utf8", next, end), end: end + 2 };
  }
  if (kind !== "*") throw new Error(`Expected a reply of RESP2, found one that begins with ${kind}`);
  const items: Reply[] = [];
  let at = next;
  while (items.length < count) {
    const item = parseReply(bytes, at);
    if (item === null) return null;
    items.push(item.reply);
    at = item.end;
  }
  return { reply: items, end: at };
}
