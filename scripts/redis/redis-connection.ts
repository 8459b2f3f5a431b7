/**
 * One connection to a Redis, with just enough of its protocol (RESP2) to hand commands and answers through as they are.
 *
 * For the REST bridge: the usual clients turn answers into values of their own. Whoever wants a client takes ioredis.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** What Redis answers. An error is a value here: the bridge tells it on. */
export type Reply = string | number | null | RedisError | readonly Reply[];

export class RedisError extends Error {
  override readonly name = "RedisError";
}

export interface RedisConnection {
  /** In the order of the calls, without waiting for the answers: commands of one turn travel together. */
  send(command: readonly string[]): Promise<Reply>;
  close(): void;
}

export async function connectRedis(port: number): Promise<RedisConnection> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.setNoDelay();
  return { send: sender(socket), close: () => void socket.destroy() };
}

/** One connection: Redis answers in the order in which it is asked. */
function sender(socket: Socket): RedisConnection["send"] {
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
    for (const resolve of waiting.splice(0)) resolve(new RedisError("ERR the connection to redis-server is gone"));
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
