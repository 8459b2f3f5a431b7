/** Predicted and measured, as a person reads it. */
import { table } from "../../rush/table.ts";
import { tellCount, tellShare } from "../quantities.ts";
import { type Comparison, summarize } from "./compare.ts";
import type { Validation } from "./validate.ts";

export function formatValidation({ sales, sources }: Validation): string {
  return [
    ...sales.flatMap(({ scenario, comparisons }) => [
      `${scenario.name}: ${tellCount(scenario.buyers)} buyers, ${tellCount(scenario.stock)} units, ${scenario.tells}`,
      table([["", "predicted", "measured", "", "error"], ...comparisons.map(rowOf)]),
      `  counts from 30 on are off by ${tellError(summarize(comparisons, ""))}, times by ${tellError(summarize(comparisons, "ms"))}`,
      "",
    ]),
    "Predicted from",
    ...sources.map((source) => `  ${source}`),
  ].join("\n");
}

function rowOf({ what, unit, predicted, measured, error }: Comparison): readonly string[] {
  const sign = error !== null && error > 0 ? "+" : "";
  return [what, tell(predicted, unit), tell(measured, unit), unit, error === null ? "" : `${sign}${tellShare(error)}`];
}

function tell(value: number | null, unit: string): string {
  if (value === null) return "never";
  return unit === "ms" && value < 100 ? value.toFixed(1) : tellCount(value);
}

function tellError({ median, most }: { readonly median: number; readonly most: number }): string {
  return `${tellShare(median)} in the middle, ${tellShare(most)} at the most`;
}
