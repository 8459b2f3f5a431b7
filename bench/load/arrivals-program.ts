/** The open-loop generator's process: arrivals-program.ts <url> <file of arrivals> <most connections>. See arrivals.ts. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, Arrival } from "./arrivals.ts";
import { Connection, type RawAnswer } from "./connection.ts";
import { wireRequest } from "./request.ts";

/** After the last arrival: what is not answered by then is lost. In milliseconds. */
const GRACE_MS = 15_000;
/** Everything is loaded and connected when the first one leaves. */
const LEAD_MS = 200;
/** Connections opened before the beginning: opening one belongs to no answer's latency while they suffice. */
const OPEN_AT_FIRST = 64;
const CREATED = 201;

const [, , url = "", file = "", most = ""] = process.argv;
const connectionsMost = Number(most);
const arrivals = readFileSync(file, "utf8")
  .split("\n")
  .filter((line) => line !== "")
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by arrivals.ts
  .map((line) => JSON.parse(line) as Arrival);

const idle: Connection[] = [];
const waiting: ((connection: Connection) => void)[] = [];
const answers: Answer[] = [];
let open = 0;
const load = { underWay: 0 };

function connect(): Connection {
  open++;
  return new Connection(url);
}

/** The connection that was used last: those that a peak needed may rest. */
function take(): Promise<Connection> | Connection {
  for (let known = idle.pop(); known !== undefined; known = idle.pop()) {
    if (!known.isBroken) return known;
    open--;
  }
  if (open < connectionsMost) return connect();
  return new Promise((resolve) => waiting.push(resolve));
}

function giveBack(connection: Connection): void {
  const next = waiting.shift();
  if (next === undefined) idle.push(connection);
  else if (connection.isBroken) {
    open--;
    next(connect());
  } else next(connection);
}

/** @param at the planned moment, by performance.now(). */
async function call(step: Answer["step"], at: number, request: string): Promise<RawAnswer | null> {
  const connection = await take();
  const sentAt = performance.now();
  let answer: RawAnswer | null;
  try {
    answer = await connection.send(request);
  } catch {
    answer = null;
  }
  const now = performance.now();
  // A timer of Node cuts off fractions: who left before his moment has waited since he left.
  const latency = now - Math.min(at, sentAt);
  const [latencyMs, serviceMs] = [latency, now - sentAt].map((value) => Math.round(value * 1000) / 1000);
  answers.push({ step, at, status: answer?.status ?? 0, latencyMs: latencyMs ?? 0, serviceMs: serviceMs ?? 0 });
  giveBack(connection);
  return answer;
}

async function arrive({ request, checkoutFrom }: Arrival, at: number): Promise<void> {
  load.underWay++;
  const answer = await call("first", at, request);
  if (checkoutFrom !== undefined && answer?.status === CREATED) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the gateway's own 201
    const { token, checkoutUrl } = JSON.parse(answer.body) as { readonly token: string; readonly checkoutUrl: string };
    const headers = { "Purchase-Token": token };
    const body = '{"quantity":1}';
    await call(
      "checkout",
      performance.now(),
      wireRequest({ method: "POST", path: checkoutUrl, address: checkoutFrom, headers, body }),
    );
  }
  load.underWay--;
}

for (let index = 0; index < Math.min(OPEN_AT_FIRST, connectionsMost); index++) idle.push(connect());
const began = performance.now() + LEAD_MS;
for (const arrival of arrivals) {
  const at = began + arrival.at;
  const early = at - performance.now();
  if (early > 0) await sleep(early);
  void arrive(arrival, at);
}
const lastAt = performance.now();
while (load.underWay > 0 && performance.now() - lastAt < GRACE_MS) await sleep(5);
const seconds = (performance.now() - began) / 1000;
for (let index = 0; index < load.underWay; index++) {
  answers.push({ step: "first", at: lastAt, status: 0, latencyMs: GRACE_MS, serviceMs: GRACE_MS });
}
const relative = answers.map((answer) => ({ ...answer, at: Math.round(answer.at - began) }));
// Written whole before the process ends: a pipe takes it in parts.
process.stdout.write(JSON.stringify({ answers: relative, seconds, connections: open }), () => process.exit(0));
