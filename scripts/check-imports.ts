/**
 * Refuses imports that the architecture does not have, and cycles. Run by `npm run imports`.
 *
 * Stages do not know one another; a Durable Object knows no web framework, no tokens and no Postgres; rules know no
 * platform. What is written down in docs/architecture.md is written down here a second time, so that it stays true.
 */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

/** Folders of src/ that every stage may use: they are no stages. */
const SHARED_FOLDERS = new Set(["wire", "keys"]);
/** Modules of src/ that put the stages together, or read the tables of wrangler.toml that belong to them. */
const COMPOSERS = new Set(["src/app.ts", "src/index.ts"]);
const CONFIG_PARTS = new Set([
  "src/identity/identity-config.ts",
  "src/limits/policy.ts",
  "src/checkout/hoarding-config.ts",
  "src/risk/risk-config.ts",
  "src/challenge/challenge-config.ts",
]);
/** Names of a stage that the wire speaks of too. */
const WIRE_NAMES = new Set(["src/challenge/kinds.ts", "src/challenge/answers.ts"]);
/** How a stage reaches the control object; the operator's routes change what it keeps. */
const OPEN_TO_STAGES = new Set(["src/control/wire.ts", "src/control/control-calls.ts"]);
/** What a Durable Object may import of src/: values that both sides refuse with, and what knows nothing of either. */
const SHARED_WITH_OBJECTS = new Set([
  "src/refusal.ts",
  "src/result.ts",
  "src/packed.ts",
  "src/log.ts",
  "src/waiting.ts",
  "src/fnv1a.ts",
]);
/** What the Worker may import of an object's folder: its protocol, and pure rules. Its class only the entry exports. */
const OPEN_TO_WORKER = new Set([
  "protocol.ts",
  "round-state.ts",
  "spent-filter.ts",
  "order-id.ts",
  "event-messages.ts",
  "retention.ts",
  "entry-page.ts",
  "sliding-log.ts",
]);
/** Pure files: they import nothing of the platform and no package. */
const PURE =
  /(?:^|\/)(?:ledger|hoarding|retention|round-rules|round-state|product-events|event-messages|product-document|order-view|stock-check|spent-filter|bloom|seen-filter|newcomers|order-id|sliding-log|gcra|count|take|entry-page|key-ring|refusal|result|fnv1a)\.ts$/;
const NOT_IN_OBJECTS = ["hono", "jose", "postgres", "valibot", "@upstash"];

interface Import {
  readonly from: string;
  /** A path below the root, or a package's name. */
  readonly to: string;
  readonly isPackage: boolean;
  readonly isType: boolean;
}

const STATEMENT = /^\s*(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm;

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(STATEMENT)].map(([, type, specifier = ""]) => {
    const isPackage = !specifier.startsWith(".");
    const to = isPackage ? specifier : relative(root, resolve(root, dirname(file), specifier));
    return { from: file, to, isPackage, isType: type !== undefined };
  });
}

function stageOf(file: string): string | null {
  const [, folder, ...rest] = file.split("/");
  return file.startsWith("src/") && rest.length > 0 && folder !== undefined && !SHARED_FOLDERS.has(folder)
    ? folder
    : null;
}

function faultOf(entry: Import): string | null {
  const { from, to, isPackage, isType } = entry;
  if (PURE.test(from) && isPackage) return "a pure rule imports nothing but rules";
  if (from.startsWith("durable-objects/")) return faultOfObject(entry);
  if (from.startsWith("client/") && !isPackage && !to.startsWith("client/")) return "the client stands alone";
  if (!from.startsWith("src/") || isPackage) return null;
  if (to.startsWith("durable-objects/")) {
    const name = to.split("/").at(-1) ?? "";
    return COMPOSERS.has(from) || isType || OPEN_TO_WORKER.has(name)
      ? null
      : "the Worker knows an object by its protocol only";
  }
  if (!to.startsWith("src/")) return "the Worker imports src/ and an object's protocol only";
  if (COMPOSERS.has(from) || (from === "src/config.ts" && CONFIG_PARTS.has(to))) return null;
  if (from.startsWith("src/wire/") && WIRE_NAMES.has(to)) return null;
  if (OPEN_TO_STAGES.has(to) || (from === "src/context.ts" && isType)) return null;
  const [here, there] = [stageOf(from), stageOf(to)];
  if (there === null || here === there) return COMPOSERS.has(to) ? "nothing imports the app" : null;
  return isType && CONFIG_PARTS.has(to) ? null : `a stage imports no other stage (${here ?? "src"} -> ${there})`;
}

function faultOfObject({ from, to, isPackage }: Import): string | null {
  if (isPackage) {
    const refused = NOT_IN_OBJECTS.some((name) => to === name || to.startsWith(`${name}/`));
    return refused ? "a Durable Object knows no web framework, no tokens and no driver" : null;
  }
  if (SHARED_WITH_OBJECTS.has(to) || to === "durable-objects/group-commit.ts") return null;
  return dirname(to) === dirname(from)
    ? null
    : "an object imports its own folder, refusals, results and how they travel, and what is of no side only";
}

/** A cycle of value imports, as the files on it; types do not count, they are gone when the code runs. */
function findCycle(imports: readonly Import[]): readonly string[] | null {
  const next = Map.groupBy(
    imports.filter(({ isPackage, isType }) => !isPackage && !isType),
    ({ from }) => from,
  );
  const done = new Set<string>();
  function visit(file: string, path: readonly string[]): readonly string[] | null {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const { to } of next.get(file) ?? []) {
      const cycle = visit(to, [...path, file]);
      if (cycle !== null) return cycle;
    }
    done.add(file);
    return null;
  }
  for (const file of next.keys()) {
    const cycle = visit(file, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

const files = globSync("{src,durable-objects,client}/**/*.ts", { cwd: root });
const imports = files.flatMap(importsOf);
const faults = imports.flatMap((entry) => {
  const fault = faultOf(entry);
  return fault === null ? [] : [`${entry.from} imports ${entry.to}: ${fault}`];
});
const cycle = findCycle(imports);
if (cycle !== null) faults.push(`Cycle: ${cycle.join(" -> ")}`);
for (const fault of faults) console.error(fault);
console.log(`${files.length} files, ${imports.length} imports, ${faults.length} faults`);
if (faults.length > 0) process.exitCode = 1;
