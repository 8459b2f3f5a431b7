/** A result as a terminal shows it. Pure. */
import { table } from "../scripts/rush/table.ts";
import { medianSlice } from "./ratios.ts";
import type { Fact, Ratio, Result } from "./results.ts";

const KEPT = "yes";
const MISSED = "no";

export function formatResult(result: Result): string {
  const { name, rounds, ratios, facts, notes, thrownAway } = result;
  const sections = [`${name} (${result.at.slice(0, 10)}, ${result.commit})`];
  if (rounds.length > 0) sections.push(subjectTable(result));
  if (ratios.length > 0) {
    sections.push(
      table([
        ["ratio", "of", "median", "low", "high", "wanted", "kept", "floor"],
        ...ratios.map((ratio) => ratioRow(ratio)),
      ]),
    );
  }
  if (facts.length > 0) sections.push(table([["figure", "value", "unit", "wanted", "kept"], ...facts.map(factRow)]));
  const told = [...notes];
  if (thrownAway.length > 0) told.push(`Slices thrown away because others used the machine: ${thrownAway.length}`);
  if (told.length > 0) sections.push(told.map((note) => `  ${note}`).join("\n"));
  return `${sections.join("\n\n")}\n`;
}

function subjectTable({ rounds }: Result): string {
  const subjects = [...new Set(rounds.flat().map(({ subject }) => subject))];
  return table([
    ["median of rounds", "per second", "p50 ms", "p95 ms", "p99 ms", "server µs", "generator µs"],
    ...subjects.map((subject) => {
      const { perSecond, latencyMs, serverMicros, generatorMicros } = medianSlice(rounds, subject);
      return [
        subject,
        Math.round(perSecond),
        ...[latencyMs?.p50, latencyMs?.p95, latencyMs?.p99].map((value) => value?.toFixed(1) ?? "-"),
        serverMicros.toFixed(0),
        generatorMicros.toFixed(0),
      ];
    }),
  ]);
}

function ratioRow(ratio: Ratio): readonly (string | number)[] {
  const { subject, baseline, of, median, low, high } = ratio;
  const floor = ratio.floor === undefined ? "" : ratio.floor.toFixed(2);
  return [`${subject} / ${baseline}`, of, median.toFixed(2), low.toFixed(2), high.toFixed(2), ...wanted(ratio), floor];
}

function factRow(fact: Fact): readonly (string | number)[] {
  return [fact.name, String(fact.value), fact.unit, ...wanted(fact)];
}

function wanted({ target, atMost, kept }: Pick<Ratio, "target" | "atMost" | "kept">): readonly string[] {
  if (target === undefined) return ["", ""];
  return [`${atMost === true ? "at most" : "at least"} ${target}`, kept ? KEPT : MISSED];
}
