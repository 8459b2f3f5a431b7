/**
 * A bridge that speaks Upstash's REST protocol in front of a real Redis, for tests, and fails as it is told.
 * https://upstash.com/docs/redis/features/restapi
 *
 * Faults are in the address, so that tests beside one another do not meet: `http://.../<fault>/<run>` is a database's URL,
 * and `GET http://.../calls/<run>` answers which commands came from it. Not for anything but tests: it knows one token.
 *
 * The SDK's scripts begin with `#!lua flags=allow-key-locking`, which only Upstash's Redis knows: the line is taken off
 * before EVAL, and the hash that the client knows is mapped to the hash of what is left.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type Redis, RedisError, type Reply } from "./upstash-bridge-redis.ts";

export const BRIDGE_TOKEN = "the bridge's token";

/**
 * `ok`; `silent`: never answers, the command is not run; `late`: runs it and never answers; `cut`: the connection ends;
 * `status-500`, `html`: as a gateway in between would; `garbage`, `empty`, `nothing`: JSON that is no answer; `error`: an
 * error of Redis; `forgetful`: has no script that it was given before.
 */
export const BRIDGE_FAULTS = [
  "ok",
  "silent",
  "late",
  "cut",
  "status-500",
  "html",
  "garbage",
  "empty",
  "nothing",
  "error",
  "forgetful",
] as const;

export type BridgeFault = (typeof BRIDGE_FAULTS)[number];

export interface Bridge {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

type Answer = { readonly result: unknown } | { readonly error: string };

const FLAGS_LINE = /^#!lua[^\n]*\n/;

export async function startBridge(redis: Redis): Promise<Bridge> {
  const calls = new Map<string, string[]>();
  const hashes = new Map<string, string>();

  /** Runs one command as Upstash would. */
  async function run(command: readonly string[], callsOfRun: string[]): Promise<Answer> {
    const name = (command[0] ?? "").toUpperCase();
    callsOfRun.push(name);
    const reply = await redis.send(translate(command, hashes));
    return reply instanceof RedisError ? { error: reply.message } : { result: reply };
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, first = "", run_ = "", endpoint = ""] = (request.url ?? "").split("/");
    if (first === "calls") return json(response, 200, calls.get(run_) ?? []);
    const callsOfRun = calls.get(run_) ?? [];
    calls.set(run_, callsOfRun);
    if (!isAuthorized(request)) return json(response, 401, { error: "WRONGPASS invalid or missing auth token" });
    const body = JSON.parse(await text(request)) as unknown;
    const commands = commandsOf(body, endpoint);
    const fault = first as BridgeFault;
    if (fault !== "ok" && fault !== "late" && fault !== "forgetful") {
      callsOfRun.push(...commands.map(([name = ""]) => name.toUpperCase()));
      return misbehave(fault, response);
    }
    if (fault === "forgetful") await redis.send(["SCRIPT", "FLUSH", "SYNC"]);
    const answers: Answer[] = [];
    if (endpoint === "multi-exec") {
      const replies = await redis.send(["MULTI"]).then(async () => {
        for (const command of commands) await redis.send(translate(command, hashes));
        return redis.send(["EXEC"]);
      });
      for (const reply of Array.isArray(replies) ? (replies as readonly Reply[]) : [replies]) {
        answers.push(reply instanceof RedisError ? { error: reply.message } : { result: reply });
      }
    } else for (const command of commands) answers.push(await run(command, callsOfRun));
    if (fault === "late") return undefined;
    const encoded = request.headers["upstash-encoding"] === "base64" ? answers.map(encode) : answers;
    if (endpoint !== "") return json(response, 200, encoded);
    const [only = { error: "ERR empty command" }] = encoded;
    return json(response, "error" in only ? 400 : 200, only);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((fault: unknown) => json(response, 400, { error: `ERR ${String(fault)}` }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function isAuthorized(request: IncomingMessage): boolean {
  return timingSafeEqual(digest(request.headers.authorization ?? ""), digest(`Bearer ${BRIDGE_TOKEN}`));
}

function digest(value: string): Buffer {
  return createHash("sha256").update(value).digest();
}

/** A single command, or a list of them where the endpoint takes several. Numbers arrive as such. */
function commandsOf(body: unknown, endpoint: string): readonly (readonly string[])[] {
  const list = endpoint === "" ? [body] : body;
  if (!Array.isArray(list) || !list.every((command) => Array.isArray(command))) throw new Error("not a command");
  return (list as readonly (readonly unknown[])[]).map((command) => command.map(String));
}

function translate(command: readonly string[], hashes: Map<string, string>): readonly string[] {
  const [name = "", script = "", ...rest] = command;
  if (name.toUpperCase() === "EVAL") {
    const plain = script.replace(FLAGS_LINE, "");
    hashes.set(sha1(script), sha1(plain));
    return [name, plain, ...rest];
  }
  if (name.toUpperCase() === "EVALSHA") return [name, hashes.get(script) ?? script, ...rest];
  return command;
}

function sha1(script: string): string {
  return createHash("sha1").update(script).digest("hex");
}

function encode(answer: Answer): Answer {
  return "error" in answer ? answer : { result: encodeReply(answer.result) };
}

function encodeReply(reply: unknown): unknown {
  if (typeof reply === "string") return reply === "OK" ? reply : Buffer.from(reply).toString("base64");
  return Array.isArray(reply) ? reply.map(encodeReply) : reply;
}

/** `silent` leaves the response open: it ends with the client's patience, or with the server. */
function misbehave(fault: Exclude<BridgeFault, "ok" | "late" | "forgetful">, response: ServerResponse): void {
  switch (fault) {
    case "silent":
      return;
    case "cut":
      response.socket?.destroy();
      return;
    case "status-500":
      return json(response, 500, { error: "Internal Server Error" });
    case "html":
      response.writeHead(502, { "Content-Type": "text/html" });
      response.end("<html><body>Bad gateway</body></html>");
      return;
    case "garbage":
      return json(response, 200, { result: ["bWF5YmU=", "eWVz", -7] });
    case "empty":
      return json(response, 200, {});
    case "nothing":
      return json(response, 200, { result: null });
    case "error":
      return json(response, 400, { error: "OOM command not allowed when used memory > 'maxmemory'" });
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
}
