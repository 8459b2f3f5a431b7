/**
 * Closed-loop load: so many connections, each sending its next request when it has its answer. For throughput and CPU, not
 * for latency under a given load: whoever waits for an answer sends nothing meanwhile (see arrivals.ts).
 *
 * wrk does it for about 12 µs a request. Where wrk is missing, a generator on node:http does, for about 60 µs a request:
 * ratios then say less, because on two cores it slows what it measures, and the results name it.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { readEndedChildren } from "../machine/cpu.ts";
import type { Latency } from "../statistics.ts";

export interface Load {
  readonly url: string;
  /** Sent in this order, from the first again after the last. */
  readonly requests: readonly string[];
  readonly connections: number;
  /** A whole number: wrk takes no other. */
  readonly seconds: number;
}

export interface Loaded {
  readonly answered: number;
  /** May be more than answered: those under way when the time was over. */
  readonly sent: number;
  /** Connections and answers that failed or took more than two seconds. */
  readonly lost: number;
  readonly seconds: number;
  readonly latencyMs: Latency;
  readonly statuses: Readonly<Record<string, number>>;
  /** CPU of the generator itself, in microseconds. */
  readonly generatorMicros: number;
}

export interface Generator {
  readonly name: string;
  run(load: Load): Promise<Loaded>;
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const told = v.object({
  answered: count,
  sent: count,
  micros: count,
  lost: count,
  latency: v.object({ p50: count, p95: count, p99: count, max: count }),
  statuses: v.record(v.string(), count),
});

const WRK_SCRIPT = fileURLToPath(new URL("wrk.lua", import.meta.url));
const FALLBACK = fileURLToPath(new URL("fallback.ts", import.meta.url));
const MICROS_PER_MS = 1000;
const MICROS_PER_SECOND = 1_000_000;

/** wrk where it is installed, the project's own generator otherwise. */
export async function findGenerator(): Promise<Generator> {
  const version = await output("wrk", ["--version"]).catch(() => undefined);
  const name = version === undefined ? undefined : /^wrk \S+/.exec(version)?.[0];
  if (name === undefined) {
    return {
      name: "node:http (wrk is missing: apt-get install wrk)",
      run: (load) =>
        runOn(load, (file) => [
          process.execPath,
          [FALLBACK, load.url, file, String(load.connections), String(load.seconds)],
        ]),
    };
  }
  return {
    name,
    run: (load) =>
      runOn(load, (file) => [
        "wrk",
        // One thread: the other core is the server's.
        ["-t1", `-c${load.connections}`, `-d${load.seconds}s`, "-s", WRK_SCRIPT, load.url, "--", file],
      ]),
  };
}

async function runOn(load: Load, command: (file: string) => readonly [string, readonly string[]]): Promise<Loaded> {
  const dir = await mkdtemp(join(tmpdir(), "sluice-load-"));
  try {
    const file = join(dir, "requests");
    await writeFile(file, load.requests.join("\0"));
    const before = readEndedChildren();
    const [program, args] = command(file);
    const line = (await output(program, args)).trim().split("\n").at(-1) ?? "";
    const { answered, sent, micros, lost, latency, statuses } = v.parse(told, JSON.parse(line));
    return {
      answered,
      sent,
      lost,
      seconds: micros / MICROS_PER_SECOND,
      latencyMs: {
        p50: latency.p50 / MICROS_PER_MS,
        p95: latency.p95 / MICROS_PER_MS,
        p99: latency.p99 / MICROS_PER_MS,
        max: latency.max / MICROS_PER_MS,
      },
      statuses,
      generatorMicros: readEndedChildren() - before,
    };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** What a program writes to its terminal. wrk ends `--version` with status 1, so the status says nothing. */
function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
    child.once("error", reject).once("close", () => resolve(text));
  });
}
