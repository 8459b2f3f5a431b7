/**
 * What a product object costs by the number of orders in it: time per hold, time to wake up, bytes on disk and in memory.
 *
 * Run it by `npx node bench/ledger-size.ts [--sizes 1000,10000,100000,1000000] [--rounds 5] [--random-ids] [--json]`. Each size has its own
 * object in its own workerd; in each round all sizes are measured in turn, the order reversed every other round, and the medians
 * are told. Only the object is asked (no tokens, no limits, no Postgres), by one call for many holds.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

const ROOT = join(import.meta.dirname, "..");
/** Holds of one measurement, and how many come at once: some commits of full batches each. */
const HOLDS = 8000;
const AT_ONCE = 64;
/** Before the first measurement of an object: the compiler has seen everything by then. */
const WARM_UP_HOLDS = 4000;

interface Figures {
  readonly orders: number;
  readonly microsecondsPerHold: number;
  /** Of workerd, in user and kernel. */
  readonly cpuMicrosecondsPerHold: number;
  readonly wakeUpMs: number;
  readonly firstHoldMs: number;
  readonly databaseMiB: number;
  readonly bytesPerOrder: number;
  readonly residentMiB: number;
}

async function bundle(directory: string): Promise<string> {
  const outfile = join(directory, "worker.js");
  await build({
    entryPoints: [join(ROOT, "bench/workers/ledger-size.ts")],
    outfile,
    bundle: true,
    format: "esm",
    target: "esnext",
    external: ["cloudflare:*"],
    logLevel: "warning",
  });
  return outfile;
}

/** One workerd with one object of so many orders. */
class Subject {
  readonly orders: number;
  readonly #script: string;
  readonly #directory: string;
  /** `random`: token ids without a time in them, to compare with. */
  readonly #ids: string;
  #miniflare: Miniflare | null = null;
  #pid = 0;

  constructor(orders: number, script: string, directory: string, ids: string) {
    this.orders = orders;
    this.#script = script;
    this.#directory = join(directory, String(orders));
    this.#ids = ids;
  }

  async start(): Promise<void> {
    const before = new Set(childrenOf(process.pid));
    this.#miniflare = new Miniflare(
      convertV4MiniflareOptions({
        cf: false,
        logRequests: false,
        resourcePersistencePath: this.#directory,
        workers: [
          {
            name: "ledger-size",
            modules: true,
            scriptPath: this.#script,
            rootPath: this.#directory.replace(/\/[^/]+$/, ""),
            compatibilityDate: "2026-10-01",
            durableObjects: { PRODUCT: { className: "ProductObject", useSQLite: true } },
          },
        ],
      }),
    );
    await this.#miniflare.ready;
    this.#pid = childrenOf(process.pid).find((pid) => !before.has(pid)) ?? 0;
    // The isolate is there, and another object of the class.
    await this.ask("/view", { object: "other" });
  }

  async stop(): Promise<void> {
    await this.#miniflare?.dispose();
  }

  async ask(path: string, query: Readonly<Record<string, string | number>> = {}): Promise<unknown> {
    if (this.#miniflare === null) throw new Error("The subject was not started");
    const url = new URL(path, "http://bench");
    url.searchParams.set("ids", this.#ids);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, String(value));
    const answer = await this.#miniflare.dispatchFetch(url.href);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  async timed(path: string, query: Readonly<Record<string, string | number>> = {}): Promise<number> {
    const begun = performance.now();
    await this.ask(path, query);
    return performance.now() - begun;
  }

  /** Processor time of workerd so far, in ms: fields 14 and 15 of /proc/pid/stat, in ticks of 10 ms. */
  cpuMs(): number {
    const fields = readFileSync(`/proc/${this.#pid}/stat`, "utf8")
      .replace(/^.*\) /, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** Resident memory of workerd, in MiB. */
  resident(): number {
    const [, kibibytes = "0"] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.#pid}/status`, "utf8")) ?? [];
    return Number(kibibytes) / 1024;
  }
}

/** Linux only, like the memory it is for. */
function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(/\s+/).filter(Boolean).map(Number),
  );
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** From a fresh process: what the first calls cost beside those to an object with nothing in it, then a warm object's holds. */
async function measure(subject: Subject): Promise<Omit<Figures, "orders" | "databaseMiB" | "bytesPerOrder">> {
  await subject.start();
  try {
    const call = median(await inTurn(5, (index) => subject.timed("/view", { object: `empty-${index}` })));
    const wakeUpMs = (await subject.timed("/order")) - call;
    const firstHoldMs = await subject.timed("/hold", { count: 1, atOnce: 1 });
    await subject.ask("/hold", { count: WARM_UP_HOLDS, atOnce: AT_ONCE });
    const before = subject.cpuMs();
    const held = await subject.timed("/hold", { count: HOLDS, atOnce: AT_ONCE });
    return {
      microsecondsPerHold: (held * 1000) / HOLDS,
      cpuMicrosecondsPerHold: ((subject.cpuMs() - before) * 1000) / HOLDS,
      wakeUpMs,
      firstHoldMs,
      residentMiB: subject.resident(),
    };
  } finally {
    await subject.stop();
  }
}

async function inTurn<Value>(times: number, work: (index: number) => Promise<Value>): Promise<readonly Value[]> {
  const values: Value[] = [];
  for (let index = 0; index < times; index++) values.push(await work(index));
  return values;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      sizes: { type: "string", default: "1000,10000,100000,1000000" },
      rounds: { type: "string", default: "5" },
      "random-ids": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const rounds = Number(values.rounds);
  const directory = await mkdtemp(join(tmpdir(), "sluice-ledger-size-"));
  try {
    const script = await bundle(directory);
    const subjects = values.sizes
      .split(",")
      .map((size) => new Subject(Number(size), script, directory, values["random-ids"] ? "random" : "ordered"));
    const bytes = new Map<Subject, number>();
    for (const subject of subjects) {
      await subject.start();
      const spare = (HOLDS + WARM_UP_HOLDS + 1) * rounds;
      const filled = await subject.timed("/fill", { count: subject.orders, spare });
      bytes.set(subject, Number(await subject.ask("/bytes")));
      await subject.stop();
      if (!values.json) console.error(`${subject.orders} orders: filled in ${(filled / 1000).toFixed(1)} s`);
    }
    const seen = new Map(subjects.map((subject) => [subject, [] as Awaited<ReturnType<typeof measure>>[]]));
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? subjects : subjects.toReversed();
      for (const subject of order) seen.get(subject)?.push(await measure(subject));
      if (!values.json) console.error(`round ${round + 1} of ${rounds}`);
    }
    const figures = subjects.map((subject): Figures => {
      const of = (key: keyof Awaited<ReturnType<typeof measure>>) =>
        Number(median((seen.get(subject) ?? []).map((each) => each[key])).toFixed(2));
      const size = bytes.get(subject) ?? 0;
      return {
        orders: subject.orders,
        microsecondsPerHold: of("microsecondsPerHold"),
        cpuMicrosecondsPerHold: of("cpuMicrosecondsPerHold"),
        wakeUpMs: of("wakeUpMs"),
        firstHoldMs: of("firstHoldMs"),
        databaseMiB: Number((size / 2 ** 20).toFixed(1)),
        bytesPerOrder: Math.round(size / subject.orders),
        residentMiB: Math.round(of("residentMiB")),
      };
    });
    if (values.json) console.log(JSON.stringify({ holds: HOLDS, atOnce: AT_ONCE, rounds, figures }, null, 2));
    else console.table(figures);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) await main();
