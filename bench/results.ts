/** What a bench leaves behind: bench/results/<name>.json, and costs.json, which the capacity planner reads. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { PROJECT } from "../scripts/gateway/wrangler-environment.ts";

export const RESULTS_DIR = join(PROJECT, "bench", "results");
/** Everything else in the folder is a bench's result. */
const COSTS = "costs";

const figure = v.number();
/** Milliseconds. */
const latency = v.strictObject({ p50: figure, p95: figure, p99: figure, max: figure });

/** One slice of one subject, after it was found correct and undisturbed. */
const slice = v.strictObject({
  subject: v.string(),
  /** Answers per second. */
  perSecond: figure,
  /** Not where a subject was stopped in between (interleaved.ts). */
  latencyMs: v.optional(latency),
  /** CPU of the server per answer, what it does behind the answer included. */
  serverMicros: figure,
  generatorMicros: figure,
  /** Share of all cores that others used meanwhile, 0 to 1. */
  foreign: figure,
  /** Answers by HTTP status. */
  statuses: v.record(v.string(), figure),
});

const ratio = v.strictObject({
  subject: v.string(),
  baseline: v.string(),
  /** What is compared, for instance "answers per second". */
  of: v.string(),
  median: figure,
  low: figure,
  high: figure,
  /** The least (or, where `atMost`, the most) that is wanted. */
  target: v.optional(figure),
  atMost: v.optional(v.boolean()),
  /** What the least program for the same job reached beside the same baseline, in the median. */
  floor: v.optional(figure),
  /** Whether the target is kept; true where there is none. */
  kept: v.boolean(),
});

/** A figure that is no ratio: a time, a count, a share. */
const fact = v.strictObject({
  name: v.string(),
  value: figure,
  unit: v.string(),
  target: v.optional(figure),
  atMost: v.optional(v.boolean()),
  kept: v.boolean(),
});

const machine = v.strictObject({
  cpu: v.string(),
  cores: figure,
  memoryGiB: figure,
  kernel: v.string(),
  node: v.string(),
  workerd: v.string(),
  postgres: v.string(),
  redis: v.string(),
  generator: v.string(),
});

/** Microseconds of one operation; what is not known is left out. */
const cost = v.strictObject({ cpuMicros: v.optional(figure), wallMicros: v.optional(figure) });

export const result = v.strictObject({
  name: v.string(),
  /** When it was measured, ISO 8601. */
  at: v.string(),
  commit: v.string(),
  machine,
  /** How it was measured: rounds, seconds, connections, and what else a reader must know. */
  conditions: v.record(v.string(), v.union([v.string(), v.number(), v.boolean()])),
  rounds: v.array(v.array(slice)),
  ratios: v.array(ratio),
  facts: v.optional(v.array(fact), []),
  costs: v.optional(v.record(v.string(), cost), {}),
  /** Slices that were thrown away, and why. */
  thrownAway: v.optional(v.array(v.string()), []),
  /** What the reader of the figures must know. */
  notes: v.optional(v.array(v.string()), []),
});

export const costsDocument = v.strictObject({
  at: v.string(),
  commit: v.string(),
  machine,
  costs: v.record(v.string(), cost),
});

export type Slice = v.InferOutput<typeof slice>;
export type Ratio = v.InferOutput<typeof ratio>;
export type Fact = v.InferOutput<typeof fact>;
export type Machine = v.InferOutput<typeof machine>;
export type Cost = v.InferOutput<typeof cost>;
export type Result = v.InferOutput<typeof result>;
export type CostsDocument = v.InferOutput<typeof costsDocument>;

function write(name: string, value: unknown): void {
  mkdirSync(RESULTS_DIR, { recursive: true });
  writeFileSync(join(RESULTS_DIR, `${name}.json`), `${JSON.stringify(value, undefined, 2)}\n`);
}

export function writeResult(value: Result): void {
  write(value.name, v.parse(result, value));
}

/** The picture of the newest results, beside them. */
export function writePlot(svg: string): void {
  mkdirSync(RESULTS_DIR, { recursive: true });
  writeFileSync(join(RESULTS_DIR, "bench.svg"), svg);
}

/** Every result that is there, of whatever day, by name. @throws when one is not a result. */
export function readResults(): readonly Result[] {
  const names = readdirSync(RESULTS_DIR).filter((name) => name.endsWith(".json") && name !== `${COSTS}.json`);
  return names.toSorted().map((name) => v.parse(result, JSON.parse(readFileSync(join(RESULTS_DIR, name), "utf8"))));
}

/** The newest cost of every operation that any result names. */
export function writeCosts(results: readonly Result[]): CostsDocument | null {
  const byAge = results.toSorted((a, b) => a.at.localeCompare(b.at));
  const newest = byAge.at(-1);
  if (newest === undefined) return null;
  const { at, commit, machine: measuredOn } = newest;
  const costs: CostsDocument = {
    at,
    commit,
    machine: measuredOn,
    costs: Object.assign({}, ...byAge.map((entry) => entry.costs)),
  };
  write(COSTS, v.parse(costsDocument, costs));
  return costs;
}
