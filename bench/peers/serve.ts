/** How a peer serves, tells that it does, and ends: by SIGTERM, or when whoever started it is gone and closes its stdin. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { serve } from "@hono/node-server";
import type { Hono } from "hono";
import { isIdle } from "./face.ts";
import type { SaleLedger } from "../server.ts";

/** For the slowest of the requests that a generator left behind: a version that is tried again for 10 s. */
const SETTLE_MS = 15_000;
const POLL_MS = 5;

/** What the bench asks of a peer beside its work. */
export interface Books {
  ledger(): Promise<SaleLedger>;
  /** Starts anew with so many units and no orders. */
  reset(stock: number): Promise<void>;
}

/** Where the books are asked for. */
export function addBooks(app: Hono, books: Books): Hono {
  app.get("/bench/ledger", async (c) => c.json(await books.ledger()));
  app.post("/bench/reset", async (c) => {
    const { stock } = await c.req.json<{ stock: number }>();
    await untilIdle();
    await books.reset(stock);
    return c.body(null, 204);
  });
  return app;
}

/** What was asked before a reset must not be sold after it. */
async function untilIdle(): Promise<void> {
  const until = performance.now() + SETTLE_MS;
  while (!isIdle()) {
    if (performance.now() > until) throw new Error(`Requests are still under way after ${SETTLE_MS} ms`);
    await sleep(POLL_MS);
  }
}

/** Listens on the loopback and returns where. */
export async function listen(app: Hono, port: number): Promise<string> {
  const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port });
  if (!server.listening) await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("A TCP server has no port");
  return `http://127.0.0.1:${address.port}`;
}

/** Tells that it serves, and resolves when it is to end. What else serves is a child of this process, and counts with it. */
export async function serveUntilTold(url: string): Promise<void> {
  const told = Promise.race([once(process, "SIGTERM"), once(process, "SIGINT"), once(process.stdin.resume(), "end")]);
  console.log(JSON.stringify({ ready: true, url, pids: [process.pid] }));
  await told;
}

/**
 * The whole life of a peer that is one Node process: what it sold before is forgotten, then it serves.
 * Connections end with the process.
 */
export async function runPeer(
  app: Hono,
  books: Books,
  { port, stock }: { port: number; stock: number },
): Promise<never> {
  await books.reset(stock);
  await serveUntilTold(await listen(addBooks(app, books), port));
  process.exit(0);
}
