/**
 * A gateway with its database as a process of its own, for programs that start, stop and kill it: see child.ts, which speaks
 * to it over Node's IPC channel. When the other side goes away, in whatever way, it stops.
 */
import { claimState } from "./claim-state.ts";
import type { FromChild } from "./child.ts";
import { type Stack, type StackOptions, startStack } from "./stack.ts";
import { StartError } from "./start-error.ts";

let started: Promise<Stack> | undefined;

function answer(message: FromChild): void {
  if (process.connected) process.send?.(message);
}

async function start(options: StackOptions): Promise<void> {
  try {
    claimState(options.stateDir);
    started = startStack(options);
    const stack = await started;
    answer({ kind: "ready", url: stack.url, databaseUrl: stack.database.url });
  } catch (fault) {
    const message =
      fault instanceof StartError ? fault.message : fault instanceof Error ? `${fault.stack}` : String(fault);
    answer({ kind: "failed", message });
    process.exit(1);
  }
}

async function stop(): Promise<void> {
  try {
    const stack = await started;
    await stack?.stop();
  } finally {
    process.exit(0);
  }
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- from child.ts, which is typed
process.once("message", (options) => void start(options as StackOptions));
process.once("disconnect", () => void stop());
process.once("SIGTERM", () => void stop());
process.on("SIGINT", () => {}); // Ctrl-C reaches the whole group; the other side decides when this ends.
