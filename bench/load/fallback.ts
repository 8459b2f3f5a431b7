/**
 * The generator for machines without wrk, a program of its own: fallback.ts <url> <file> <connections> <seconds>.
 * Takes wrk.lua's file of requests and prints the same line. Speaks HTTP/1.1 as far as answers with Content-Length go.
 */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { latencyOf } from "../statistics.ts";

const [, , url = "", file = "", connections = "", seconds = ""] = process.argv;
const { hostname, port } = new URL(url);
const prepared = readFileSync(file, "utf8")
  .split("\0")
  .map((request) => Buffer.from(request));

const MICROS_PER_MS = 1000;
const MS_PER_SECOND = 1000;
const HEAD_ENDS = "\r\n\r\n";

const latencies: number[] = [];
const statuses: Record<string, number> = {};
let sent = 0;
let lost = 0;
let over = false;

function sendNext(socket: Socket): number {
  const request = prepared[sent % prepared.length];
  if (request === undefined) throw new Error("The file holds no request");
  sent++;
  socket.write(request);
  return performance.now();
}

/** One connection: the next request when the last one's answer is whole. */
function open(): Socket {
  const socket = connect(Number(port), hostname);
  let text = "";
  let sentAt = 0;
  socket.setNoDelay().setEncoding("latin1");
  socket.once("connect", () => {
    sentAt = sendNext(socket);
  });
  socket.on("data", (part: string) => {
    text += part;
    const head = text.indexOf(HEAD_ENDS);
    if (head < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text.slice(0, head))?.[1] ?? 0);
    if (text.length < head + HEAD_ENDS.length + length || over) return;
    const status = text.slice(9, 12);
    statuses[status] = (statuses[status] ?? 0) + 1;
    latencies.push((performance.now() - sentAt) * MICROS_PER_MS);
    text = "";
    sentAt = sendNext(socket);
  });
  socket.once("error", () => {
    if (!over) lost++;
  });
  return socket;
}

const began = performance.now();
const sockets = Array.from({ length: Number(connections) }, open);
setTimeout(() => {
  over = true;
  const micros = Math.round((performance.now() - began) * MICROS_PER_MS);
  for (const socket of sockets) socket.destroy();
  const latency = Object.fromEntries(
    Object.entries(latencyOf(latencies)).map(([name, value]) => [name, Math.round(value)]),
  );
  console.log(JSON.stringify({ answered: latencies.length, sent, micros, lost, latency, statuses }));
}, Number(seconds) * MS_PER_SECOND);
