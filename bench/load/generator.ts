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

/** A load under way. Whoever stops it may see answers as late as that, and `lost` ones: its generator takes them for slow. */
export interface RunningLoad {
  stop(): void;
  goOn(): void;
  /** Ends it, if it has not ended: nothing comes of it then. */
  end(): void;
  /** When its time is over, and it goes on. */
  readonly loaded: Promise<Loaded>;
}

export interface Generator {
  readonly name: string;
  run(load: Load): Promise<Loaded>;
}

/** One whose loads may be stopped and go on. */
export interface StoppableGenerator extends Generator {
  start(load: Load): Promise<RunningLoad>;
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

/** The program that makes a load of the requests in a file, and its arguments. */
type Command = (load: Load, file: string) => readonly [string, readonly string[]];

/** wrk where it is installed, the project's own generator otherwise. */
export async function findGenerator(): Promise<StoppableGenerator> {
  const version = await output("wrk", ["--version"]).catch(() => undefined);
  const name = version === undefined ? undefined : /^wrk \S+/.exec(version)?.[0];
  if (name === undefined) {
    return generatorOf("node:http (wrk is missing: apt-get install wrk)", ({ url, connections, seconds }, file) => [
      process.execPath,
      [FALLBACK, url, file, String(connections), String(seconds)],
    ]);
  }
  return generatorOf(name, ({ url, connections, seconds }, file) => [
    "wrk",
    // One thread: the other core is the server's.
    ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", WRK_SCRIPT, url, "--", file],
  ]);
}

function generatorOf(name: string, command: Command): StoppableGenerator {
  const start = (load: Load) => startOn(load, command);
  return { name, start, run: async (load) => (await start(load)).loaded };
}

async function startOn(load: Load, command: Command): Promise<RunningLoad> {
  const dir = await mkdtemp(join(tmpdir(), "sluice-load-"));
  const file = join(dir, "requests");
  await writeFile(file, load.requests.join("\0"));
  const before = readEndedChildren();
  const { child, text } = launch(...command(load, file));
  const loaded = readWhenEnded();
  async function readWhenEnded(): Promise<Loaded> {
    try {
      return readLoaded(await text, readEndedChildren() - before);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
  // Whoever ends it early does not ask what came of it.
  loaded.catch(() => {});
  return {
    loaded,
    stop: () => void child.kill("SIGSTOP"),
    goOn: () => void child.kill("SIGCONT"),
    end: () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    },
  };
}

function readLoaded(text: string, generatorMicros: number): Loaded {
  const line = text.trim().split("\n").at(-1) ?? "";
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
    generatorMicros,
  };
}

/** What a program writes to its terminal. wrk ends `--version` with status 1, so the status says nothing. */
function output(program: string, args: readonly string[]): Promise<string> {
  return launch(program, args).text;
}

function launch(program: string, args: readonly string[]) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const text = new Promise<string>((resolve, reject) => {
    let written = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => (written += part));
    child.once("error", reject).once("close", () => resolve(written));
  });
  return { child, text };
}
