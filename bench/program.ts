/** Starts a server program: one line of JSON says that it serves, the end of its stdin ends it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import * as v from "valibot";
import type { RunningServer } from "./server.ts";

const readyLine = v.looseObject({ ready: v.literal(true), url: v.string() });

/** @param env added to this process's own. @throws when it ends before it serves. */
export async function startProgram(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningServer & { readonly told: v.InferOutput<typeof readyLine> }> {
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const told = await Promise.race([readReady(child), once(child, "exit").then(() => undefined)]);
  if (told === undefined || child.pid === undefined) throw new Error(`${file} ended before it served`);
  return {
    url: told.url,
    told,
    pids: [child.pid],
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.stdin?.end();
      await ended;
    },
  };
}

async function readReady(child: ChildProcess): Promise<v.InferOutput<typeof readyLine> | undefined> {
  if (child.stdout === null) throw new Error("Expected a program with an output, found none");
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    if (!line.startsWith("{")) continue;
    child.stdout.resume(); // Nobody reads what else it says, but the pipe must be emptied.
    return v.parse(readyLine, JSON.parse(line));
  }
  return undefined;
}
