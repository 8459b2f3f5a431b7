/**
 * What each operation costs, as it was measured: the planner's own set, and over it whatever `npm run bench` has measured later.
 *
 * A figure is of one machine and says so. What it is not: a promise of how fast Cloudflare's machines are.
 */
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import * as v from "valibot";
import { PROJECT } from "../gateway/wrangler-environment.ts";
import { StartError } from "../gateway/start-error.ts";

/** Measured by `npm run plan -- --measure`, and committed. */
export const OWN_COSTS_PATH = join(PROJECT, "scripts", "plan", "measured-costs.json");
/** Written by `npm run bench`; not there before its first run. */
const BENCH_COSTS_PATH = join(PROJECT, "bench", "results", "costs.json");

/**
 * Whole requests, from the socket to the answer, with all that they do in objects behind them:
 *
 * - timeRead, productRead: answered by the isolate alone
 * - refusalAtEdge: a token of a sale that the edge's copy knows to be over
 * - checkoutRefused: the same for a checkout whose token made no order
 * - challengeIssue: a token request that is told to solve a challenge
 * - tokenIssue: a token without one
 * - tokenSolved: a token for a solved proof of work
 * - hold, payment, orderRead: calls to the product object
 * - archivedRead: a look at an order that has left its object, so that Postgres is asked as well
 */
export const REQUESTS = [
  "timeRead",
  "productRead",
  "refusalAtEdge",
  "checkoutRefused",
  "challengeIssue",
  "tokenIssue",
  "tokenSolved",
  "hold",
  "payment",
  "orderRead",
  "archivedRead",
] as const;
export type RequestKind = (typeof REQUESTS)[number];

/**
 * Parts of them, from one isolate to an object and back:
 *
 * - limiterTake, productView, controlSnapshot: a call
 * - limiterFlush: a limiter object's write of what it counted, at most once a second
 * - holdCall: one hold in a large commit; commit: what each commit costs beside, its wall time that of a lone hold
 * - writerEvent: one event in a large batch of the writer; writerBatch: what each batch costs beside
 */
export const PARTS = [
  "limiterTake",
  "limiterFlush",
  "productView",
  "controlSnapshot",
  "holdCall",
  "commit",
  "writerEvent",
  "writerBatch",
] as const;

const amount = v.pipe(v.number(), v.minValue(0));
const cost = v.looseObject({
  /** CPU of the gateway's whole process, in microseconds. */
  cpuMicros: amount,
  /** From question to answer with nobody else asking, one right after the other, in microseconds. */
  wallMicros: amount,
  /** Calls a second while the CPU was measured: what is done by time rather than by call is shared by so many. */
  perSecond: v.optional(amount),
});
const requestCost = v.looseObject({
  ...cost.entries,
  /**
   * The same with a pause before each, in microseconds: what a lone buyer meets. The processor has forgotten the program by then, so that
   * it takes several times as long as one of many.
   */
  restedMicros: amount,
  /** What one of twenty such takes longer than: garbage is collected, something else wants the processor. */
  rested95Micros: amount,
});
const rows = v.strictObject({ read: amount, written: amount });

/**
 * Rows of an object's SQLite storage, as Cloudflare bills them; per operation. `commit`: what a commit writes once, however many share it;
 * `leave`: an order that leaves the object, and what is forgotten with it.
 */
export const METERED = ["hold", "payment", "expiry", "commit", "acknowledge", "leave", "limiterTake"] as const;

const measured = v.object({
  at: v.pipe(v.string(), v.isoTimestamp()),
  command: v.string(),
  machine: v.record(v.string(), v.union([v.string(), v.number()])),
  costs: v.strictObject({ ...v.entriesFromList(REQUESTS, requestCost), ...v.entriesFromList(PARTS, cost) }),
  rows: v.strictObject(v.entriesFromList(METERED, rows)),
  /** Of an object's database for each finished order, and of an event on its way to the writer. */
  bytes: v.strictObject({ order: amount, event: amount }),
});
export type Measured = v.InferOutput<typeof measured>;

/** Of the bench's document only this; what it measures beyond is not the planner's. */
const benched = v.looseObject({
  at: v.optional(v.string()),
  costs: v.record(v.string(), v.looseObject({ cpuMicros: v.optional(amount), wallMicros: v.optional(amount) })),
});

/** The bench's operations that mean exactly what this planner's of the same name mean; its `hold` counts Postgres as well. */
const SHARED = ["timeRead", "productRead", "refusalAtEdge"] as const;

export interface Costs extends Omit<Measured, "at" | "command"> {
  /** Where the figures are from, one line a source. */
  readonly sources: readonly string[];
}

/** @throws StartError that names the file when it is not there or not of this form. */
export function readCosts(own: string = OWN_COSTS_PATH, bench: string = BENCH_COSTS_PATH): Costs {
  const base = parse(own, measured);
  const sources = [`${nameOf(own)}: ${base.at}, ${tellMachine(base.machine)}, by ${base.command}`];
  const costs = { ...base.costs };
  if (existsSync(bench)) {
    const document = parse(bench, benched);
    const taken = SHARED.filter((name) => {
      const { cpuMicros, wallMicros } = document.costs[name] ?? {};
      if (cpuMicros === undefined) return false;
      const { perSecond: _, ...before } = costs[name];
      costs[name] = { ...before, cpuMicros, wallMicros: wallMicros ?? before.wallMicros };
      return true;
    });
    if (taken.length > 0) sources.push(`${nameOf(bench)}: ${document.at ?? "undated"}, for ${taken.join(", ")}`);
  }
  const { machine, rows: meteredRows, bytes } = base;
  return { machine, costs, rows: meteredRows, bytes, sources };
}

/** Checks what was measured before it is written. */
export function parseMeasured(document: unknown): Measured {
  return v.parse(measured, document);
}

function tellMachine(machine: Measured["machine"]): string {
  return `${machine["cpu"] ?? "unknown CPU"} with ${machine["cores"] ?? "?"} cores`;
}

function nameOf(path: string): string {
  return relative(PROJECT, path);
}

function parse<Schema extends v.GenericSchema>(path: string, schema: Schema): v.InferOutput<Schema> {
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(path, "utf8"));
  } catch (fault) {
    throw new StartError(`Cannot read ${nameOf(path)}: ${fault instanceof Error ? fault.message : String(fault)}`);
  }
  const parsed = v.safeParse(schema, document);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new StartError(`${nameOf(path)}: ${v.getDotPath(issue) ?? "the document"} ${issue.message}`);
}
