/**
 * The closed-loop generator for machines without wrk, a program of its own: fallback.ts <url> <file> <connections> <seconds>.
 * Takes wrk.lua's file of requests and prints the same line.
 */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { latencyOf } from "../statistics.ts";
import { Connection } from "./connection.ts";

const MICROS_PER_MS = 1000;
const MS_PER_SECOND = 1000;

const [, , url = "", file = "", connections = "", seconds = ""] = process.argv;
const prepared = readFileSync(file, "latin1").split("\0");
const latencies: number[] = [];
const statuses: Record<string, number> = {};
let sent = 0;
let lost = 0;
const time = { over: false };

async function keepSending(connection: Connection): Promise<void> {
  while (!time.over) {
    const request = prepared[sent++ % prepared.length];
    if (request === undefined) throw new Error("The file holds no request");
    const at = performance.now();
    try {
      const { status } = await connection.send(request);
      if (time.over) return;
      statuses[status] = (statuses[status] ?? 0) + 1;
      latencies.push((performance.now() - at) * MICROS_PER_MS);
    } catch {
      if (!time.over) lost++;
      return;
    }
  }
}

const began = performance.now();
const open = Array.from({ length: Number(connections) }, () => new Connection(url));
for (const connection of open) void keepSending(connection);
await sleep(Number(seconds) * MS_PER_SECOND);
time.over = true;
const micros = Math.round((performance.now() - began) * MICROS_PER_MS);
for (const connection of open) connection.close();
const latency = Object.fromEntries(
  Object.entries(latencyOf(latencies)).map(([name, value]) => [name, Math.round(value)]),
);
console.log(JSON.stringify({ answered: latencies.length, sent, micros, lost, latency, statuses }));
