/** What was predicted beside what was measured, and the error of each. Pure. */
import { HOLDS_IN_COMPANY } from "../../attack/cost/cost.ts";
import type { Costs } from "../costs.ts";
import type { SimulatedSale } from "../simulation/simulation.ts";
import { LIMITER_CALLS } from "../simulation/tally.ts";
import { rowsWrittenInSale } from "../usage.ts";
import type { Played } from "./play.ts";

export interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly predicted: number | null;
  readonly measured: number | null;
  /** (predicted - measured) / measured; null where one of them is missing or nothing was measured. */
  readonly error: number | null;
}

export interface Compared {
  readonly simulated: SimulatedSale;
  readonly played: Played;
  readonly costs: Costs;
}

export function compare({ simulated, played, costs }: Compared): readonly Comparison[] {
  const { tally } = simulated;
  const { calls } = played;
  const holdsAsked = (calls["PRODUCT.hold"] ?? 0) + (calls[HOLDS_IN_COMPANY] ?? 0);
  return [
    count("product read at the edge", tally.of("productRead"), played.productReads),
    count("tokens", tally.of("tokenIssue"), played.tokens),
    count("tokens refused at the edge", tally.of("refusalAtEdge"), played.tokensRefused),
    count("checkouts refused at the edge", tally.of("checkoutRefused"), played.checkouts - holdsAsked),
    count("product: holds asked for", tally.of("holdCall"), holdsAsked),
    count("product: copies for the edge", tally.of("viewCall"), calls["PRODUCT.view"] ?? 0),
    count("product: payment calls", tally.of("payCall"), calls["PRODUCT.pay"] ?? 0),
    count("writer's batches", tally.of("batches"), calls["PRODUCT.acknowledge"] ?? 0),
    count("limiter calls", tally.sum(LIMITER_CALLS), calls["LIMITER.take"] ?? 0),
    count("messages to the queue", tally.of("messages"), played.messages),
    count("rows written", rowsWrittenInSale(simulated, costs), played.rowsWritten),
    count("orders held", tally.of("held"), played.held),
    count("orders paid", tally.of("paid"), played.paid),
    count("holds that ended", tally.of("expired"), played.expired),
    time("nothing left", simulated.soldOutAtMs, played.soldOutAtMs),
    time("token p50", simulated.tokenMs.p50, played.tokenMs.p50),
    time("token p95", simulated.tokenMs.p95, played.tokenMs.p95),
    time("checkout p50", simulated.checkoutMs.p50, played.checkoutMs.p50),
    time("checkout p95", simulated.checkoutMs.p95, played.checkoutMs.p95),
    time("checkout p99", simulated.checkoutMs.p99, played.checkoutMs.p99),
  ];
}

function count(what: string, predicted: number, measured: number): Comparison {
  return comparison(what, "", predicted, measured);
}

function time(what: string, predicted: number | null, measured: number | null): Comparison {
  return comparison(what, "ms", predicted, measured);
}

function comparison(what: string, unit: string, predicted: number | null, measured: number | null): Comparison {
  const error = predicted === null || measured === null || measured === 0 ? null : (predicted - measured) / measured;
  return { what, unit, predicted, measured, error };
}

/** A count below this is mostly chance: its error says nothing. */
const LEAST_COUNT = 30;

/** The middle of the errors' sizes, and the largest: over what is compared in this unit, small counts left out. */
export function summarize(comparisons: readonly Comparison[], unit: string): { median: number; most: number } {
  const errors = comparisons
    .filter((each) => each.unit === unit && (unit !== "" || (each.measured ?? 0) >= LEAST_COUNT))
    .flatMap(({ error }) => (error === null ? [] : [Math.abs(error)]))
    .toSorted((a, b) => a - b);
  return { median: errors[Math.floor(errors.length / 2)] ?? 0, most: errors.at(-1) ?? 0 };
}
