/** Starts, stops and kills a gateway that runs as a process of its own (serve.ts). */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import type { StackOptions } from "./stack.ts";
import { StartError } from "./start-error.ts";

/** What the process says, once: that it serves, or why it ends. */
const fromChild = v.variant("kind", [
  v.strictObject({ kind: v.literal("ready"), url: v.string(), databaseUrl: v.string() }),
  v.strictObject({ kind: v.literal("failed"), message: v.string() }),
]);

export type FromChild = v.InferOutput<typeof fromChild>;

export interface GatewayProcess {
  readonly url: string;
  readonly databaseUrl: string;
  /** Of Node; workerd is its child. */
  readonly pid: number;
  /** Lets it end in order: everything is written, nothing is left running. */
  readonly stop: () => Promise<void>;
  /** Ends Node, workerd and an embedded Postgres by SIGKILL; resolves when the port is free again. */
  readonly kill: () => Promise<void>;
}

/** How long it may take to start, in milliseconds; it takes 3 s on two busy cores, most of it a new embedded Postgres. */
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 10;

/**
 * @param tell gets what the gateway writes to its terminal, text as it comes.
 * @throws StartError with the line that the process would have printed.
 */
export async function spawnGateway(options: StackOptions, tell: (text: string) => void): Promise<GatewayProcess> {
  const child = fork(fileURLToPath(new URL("serve.ts", import.meta.url)), {
    execArgv: [],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", tell);
  child.send(options);
  const first = await Promise.race([firstMessage(child), sleep(START_TIMEOUT_MS, undefined, { ref: false })]);
  if (first?.kind !== "ready") {
    await end(child, "SIGKILL");
    throw new StartError(first?.message ?? "The gateway ended before it was ready, or is not ready after a minute");
  }
  return {
    url: first.url,
    databaseUrl: first.databaseUrl,
    pid: child.pid ?? 0,
    stop: () => end(child, "SIGTERM"),
    kill: async () => {
      await end(child, "SIGKILL");
      await untilRefused(first.url);
    },
  };
}

async function firstMessage(child: ChildProcess): Promise<FromChild | undefined> {
  const ended = once(child, "exit").then(() => undefined);
  const message = once(child, "message").then(([told]) => v.parse(fromChild, told));
  return Promise.race([message, ended]);
}

async function end(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

/** workerd outlives its parent by the few milliseconds that the lifeline takes. */
async function untilRefused(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  for (;;) {
    const answered = await new Promise<boolean>((resolve) => {
      const socket = connect(Number(port), hostname);
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("close", () => resolve(false)).once("connect", () => socket.destroy());
    });
    if (!answered) return;
    await sleep(POLL_MS);
  }
}
