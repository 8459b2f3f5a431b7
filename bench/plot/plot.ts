/** Which of the results' ratios the picture shows. Pure. */
import { isFloor } from "../floors/floor-names.ts";
import type { Ratio, Result } from "../results.ts";
import { type Bar, type Chart, drawCharts } from "./svg.ts";

/** Of each bench: what its chart says above the bars. */
const SHOWN: readonly { readonly name: string; readonly title: string; readonly subtitle: string }[] = [
  {
    name: "edge",
    title: "Answered at the edge",
    subtitle: "Answers per second; 1 is a bare hono handler that gets the same bytes",
  },
  { name: "token", title: "Token issue", subtitle: "Answers per second; 1 is a no-op call of a Durable Object" },
  { name: "hold", title: "Durable hold", subtitle: "Orders per second; 1 is what the hold is compared with" },
  { name: "peers", title: "Beside those that verify and limit nothing", subtitle: "Orders per second; 1 is the other" },
  { name: "limits", title: "Refusing who is over a limit", subtitle: "Answers per second; 1 is the other" },
];
const THROUGHPUT = "answers per second";

/** The picture of whatever of these was measured; null where there is nothing to show. */
export function plotResults(results: readonly Result[]): string | null {
  const charts: Chart[] = [];
  for (const { name, title, subtitle } of SHOWN) {
    const result = results.find((one) => one.name === name);
    const bars = result?.ratios.filter(isShown).map((ratio) => barOf(name, ratio)) ?? [];
    if (bars.length > 0) charts.push({ title, subtitle, bars });
  }
  return charts.length === 0 ? null : drawCharts(charts);
}

/** A floor is a mark on the bar of what it is the floor of. */
function isShown({ of, subject, baseline }: Ratio): boolean {
  return of === THROUGHPUT && !isFloor(subject) && !isFloor(baseline);
}

function barOf(bench: string, { subject, baseline, median, low, high, target, floor, kept }: Ratio): Bar {
  // What all bars of a chart are compared with stands in its subtitle.
  const label = bench === "edge" || bench === "token" ? subject : `${subject} / ${baseline}`;
  return {
    label,
    value: median,
    low,
    high,
    kept,
    ...(target === undefined ? {} : { target }),
    ...(floor === undefined ? {} : { floor }),
  };
}
