/** Writes an attack's figures into docs/red-team.md, between its two marks: the page's figures are never typed. */
import { readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { StartError } from "../gateway/start-error.ts";
import { PROJECT } from "../gateway/wrangler-environment.ts";
import type { Figures } from "./judge.ts";
import type { AttackOptions } from "./options.ts";
import { brokenOf, HEAD, rowOf } from "./table.ts";

const PAGE = join(PROJECT, "docs/red-team.md");
const BEGIN = "<!-- figures: written by npm run attack -- --write-docs -->";
const END = "<!-- end of the figures -->";

export type Sizes = Pick<AttackOptions, "honest" | "attackers" | "stock" | "seed" | "farmCores">;

/** @throws StartError where the page has not both marks. */
export async function writeFigures(all: readonly Figures[], sizes: Sizes): Promise<void> {
  const [processor] = cpus();
  const machine = `${cpus().length} virtual cores (${processor?.model.trim() ?? "unknown"}), Node ${process.version}`;
  await writeFile(PAGE, putFigures(await readFile(PAGE, "utf8"), formatFigures(all, sizes, machine)));
}

/** The page with other figures. Pure. */
export function putFigures(page: string, figures: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new StartError(`docs/red-team.md must have ${BEGIN} and ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${figures}\n\n${page.slice(end)}`;
}

/** The figures as Markdown. Pure. */
export function formatFigures(all: readonly Figures[], sizes: Sizes, machine: string): string {
  const broken = brokenOf(all);
  return [
    `Seed ${sizes.seed}, ${sizes.honest} honest buyers, ${sizes.attackers} attackers, stock ${sizes.stock} (campus: ${sizes.honest}), ${machine}. Repeat it:`,
    "",
    "```sh",
    `npm run attack -- ${argumentsOf(sizes)}`,
    "```",
    "",
    cells(HEAD),
    cells(HEAD.map(() => "---")),
    ...all.map((figures) => cells(rowOf(figures))),
    "",
    broken.length === 0
      ? "With the defences on, every promise was kept."
      : `Broken with the defences on: ${broken.join("; ")}.`,
  ].join("\n");
}

function cells(row: readonly (string | number)[]): string {
  return `| ${row.join(" | ")} |`;
}

function argumentsOf({ honest, attackers, stock, seed, farmCores }: Sizes): string {
  const farm = farmCores === null ? "" : ` --farm-cores ${farmCores}`;
  return `--seed ${seed} --honest ${honest} --attackers ${attackers} --stock ${stock}${farm}`;
}
