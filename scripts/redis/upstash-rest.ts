/**
 * Upstash's REST protocol in front of a real Redis. https://upstash.com/docs/redis/features/restapi
 *
 * The SDK's scripts begin with `#!lua flags=allow-key-locking`, which only Upstash's Redis knows: the line is taken off
 * before EVAL, and the hash that the client knows is mapped to the hash of what is left. For tests and measurements on the
 * loopback; it knows POST only, and neither expiring tokens nor limits.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { ServerResponse } from "node:http";
import { type RedisConnection, RedisError, type Reply } from "./redis-connection.ts";

export type RestAnswer = { readonly result: unknown } | { readonly error: string };

export interface RestDatabase {
  /** Runs what a body asks for. `endpoint` is the path's end: "", "pipeline" or "multi-exec". */
  run(commands: readonly RestCommand[], endpoint: string): Promise<readonly RestAnswer[]>;
}

export type RestCommand = readonly string[];

const FLAGS_LINE = /^#!lua[^\n]*\n/;

export function restDatabase(redis: RedisConnection): RestDatabase {
  const hashes = new Map<string, string>();
  return {
    async run(commands, endpoint) {
      const plain = commands.map((command) => translate(command, hashes));
      const wanted = endpoint === "multi-exec" ? [["MULTI"], ...plain, ["EXEC"]] : plain;
      // All in one turn: on a shared connection nobody else's command may come in between MULTI and EXEC.
      const replies = await Promise.all(wanted.map((command) => redis.send(command)));
      if (endpoint !== "multi-exec") return replies.map(answerOf);
      const last = replies.at(-1) ?? null;
      return (Array.isArray(last) ? (last as readonly Reply[]) : [last]).map(answerOf);
    },
  };
}

/** A single command, or a list of them where the endpoint takes several. Numbers arrive as such. */
export function readCommands(body: unknown, endpoint: string): readonly RestCommand[] {
  const list = endpoint === "" ? [body] : body;
  if (!Array.isArray(list) || !list.every((command) => Array.isArray(command))) throw new Error("not a command");
  return (list as readonly (readonly unknown[])[]).map((command) => command.map(String));
}

/** Answers as Upstash does: several as a list; a single one with 400 where Redis refused it. */
export function sendAnswers(
  response: ServerResponse,
  answers: readonly RestAnswer[],
  { endpoint, encoding }: { readonly endpoint: string; readonly encoding: string | string[] | undefined },
): void {
  const encoded = encoding === "base64" ? answers.map(encode) : answers;
  if (endpoint !== "") return sendJson(response, 200, encoded);
  const [only = { error: "ERR empty command" }] = encoded;
  sendJson(response, "error" in only ? 400 : 200, only);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
}

/** Whether a header carries the token: what is compared is both sides' digest, of one length. */
export function bearerCheck(token: string): (authorization: string | undefined) => boolean {
  const wanted = digest(`Bearer ${token}`);
  return (authorization) => timingSafeEqual(digest(authorization ?? ""), wanted);
}

function answerOf(reply: Reply): RestAnswer {
  return reply instanceof RedisError ? { error: reply.message } : { result: reply };
}

function digest(value: string): Buffer {
  return createHash("sha256").update(value).digest();
}

function translate(command: RestCommand, hashes: Map<string, string>): RestCommand {
  const [name = "", script = "", ...rest] = command;
  if (name.toUpperCase() === "EVAL") {
    const plain = script.replace(FLAGS_LINE, "");
    if (plain === script) return command;
    hashes.set(sha1(script), sha1(plain));
    return [name, plain, ...rest];
  }
  if (name.toUpperCase() === "EVALSHA") return [name, hashes.get(script) ?? script, ...rest];
  return command;
}

function sha1(script: string): string {
  return createHash("sha1").update(script).digest("hex");
}

function encode(answer: RestAnswer): RestAnswer {
  return "error" in answer ? answer : { result: encodeReply(answer.result) };
}

function encodeReply(reply: unknown): unknown {
  if (typeof reply === "string") return reply === "OK" ? reply : Buffer.from(reply).toString("base64");
  return Array.isArray(reply) ? reply.map(encodeReply) : reply;
}
