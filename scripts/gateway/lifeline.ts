/**
 * Ties workerd, or another server, to this process: when this process ends in whatever way, it ends too.
 *
 * A workerd whose parent was killed (SIGKILL) runs on: it keeps the port and, worse, the objects' SQLite files. So a small
 * process of its own session holds a pipe to this one; when the pipe closes, it kills what it was told to watch. It learns
 * workerd's process id from Node's diagnostics channel, since Miniflare does not tell it
 * (https://nodejs.org/api/diagnostics_channel.html#built-in-channels); a workerd that Miniflare starts again after a crash
 * is found in the same way.
 */
import { ChildProcess, spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { basename } from "node:path";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";

const CHANNEL = "child_process";
const WATCH = fileURLToPath(new URL("lifeline-watch.ts", import.meta.url));

export interface Lifeline {
  /** Lets go: the watching process ends, and kills nothing that has ended before. */
  release(): void;
}

function spawnWatch(): Writable {
  const watch = spawn(process.execPath, [WATCH], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  watch.unref();
  watch.stdin.on("error", () => {}); // The watching process was ended by someone: nothing to tell it any more.
  return watch.stdin;
}

/** Watches one child, until it has ended: a server that would run on by itself. */
export function tieProcess(child: ChildProcess): void {
  if (child.pid === undefined) return; // It did not start.
  const watch = spawnWatch();
  watch.write(`+${child.pid}\n`);
  // Its id may be somebody else's by then: nothing to kill any more.
  child.once("exit", () => watch.end(`-${child.pid}\n`));
}

/** From now on, every workerd that this process starts is watched. */
export function tieWorkerd(): Lifeline {
  const watch = spawnWatch();

  const onChild = (message: unknown): void => {
    const child = message !== null && typeof message === "object" && "process" in message ? message.process : undefined;
    if (!(child instanceof ChildProcess)) return;
    child.once("spawn", () => {
      if (!basename(child.spawnfile).startsWith("workerd")) return;
      watch.write(`+${child.pid}\n`);
      child.once("exit", () => watch.write(`-${child.pid}\n`));
    });
  };
  subscribe(CHANNEL, onChild);
  return {
    release() {
      unsubscribe(CHANNEL, onChild);
      watch.end();
    },
  };
}
