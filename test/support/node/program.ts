/** Runs one of the project's programs as a user does, with a home of its own, and keeps what it prints. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT } from "../../../scripts/gateway/wrangler-environment.ts";

export interface Program {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves with the exit status, or the signal's name. */
  readonly ended: Promise<number | string>;
  /** Resolves when the text was printed to stdout; rejects if the program ends before. */
  untilPrinted(text: string): Promise<void>;
}

/** A folder for .sluice/ and .dev.vars; `forget` removes it. */
export async function makeHome(): Promise<{ readonly path: string; readonly forget: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "sluice-home-"));
  return { path, forget: () => rm(path, { recursive: true, force: true }) };
}

/** @param script below scripts/, as in "start.ts". */
export function runProgram(script: string, args: readonly string[], env: Readonly<Record<string, string>>): Program {
  return run(process.execPath, [join(PROJECT, "scripts", script), ...args], env);
}

/** As npm runs it: below a process that passes no signal on. `child` is that process. */
export function runUnderNpm(script: string, env: Readonly<Record<string, string>>): Program {
  const program = `"${process.execPath}" "${join(PROJECT, "scripts", script)}"`;
  return run("/bin/sh", ["-c", `${program}; exit $?`], { ...env, npm_lifecycle_event: "start" });
}

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Program {
  const { DATABASE_URL: _, ...inherited } = process.env;
  const child = spawn(command, [...args], {
    cwd: PROJECT,
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  // A test that is given up must not leave its program behind.
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  child.once("exit", () => process.off("exit", killWithUs));
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close").then(() => child.exitCode ?? child.signalCode ?? "unknown");
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    untilPrinted: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (stdout.includes(text)) resolve();
        };
        child.stdout.on("data", look);
        void ended.then((status) =>
          reject(new Error(`Ended with ${status} before it printed ${text}:\n${stdout}${stderr}`)),
        );
        look();
      }),
  };
}

/** Processes below one process, by /proc: for asserting that nothing is left of them. Linux only. */
export async function descendantsOf(pid: number): Promise<readonly number[]> {
  const { readFile, readdir } = await import("node:fs/promises");
  const found = new Set([pid]);
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    // "pid (name) state parent ...": the name may hold blanks and brackets (proc_pid_stat(5)).
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    if (parent > 0) parents.set(Number(name), parent);
  }
  for (let grown = -1; grown !== found.size; ) {
    grown = found.size;
    for (const [child, parent] of parents) if (found.has(parent)) found.add(child);
  }
  found.delete(pid);
  return [...found];
}

/** Whether a process with this id still runs; one that ended and waits to be reaped does not. */
export async function isRunning(pid: number): Promise<boolean> {
  const { readFile } = await import("node:fs/promises");
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const state = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[0];
  return state !== undefined && state !== "" && state !== "Z" && state !== "X";
}
