/**
 * Holds the documentation against the code, so that it stays true. Run it by `npx node scripts/check-docs.ts`.
 *
 * What a machine can see: links and npm scripts that exist; every refusal with its status, fields and headers; every table
 * and column; every call of the API; every line of the log; every test that docs/threats.md names. `--write` brings the
 * list of tests in docs/threats.md up to date. What it cannot see is whether the words are right.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { REFUSALS } from "../src/refusal.ts";

const root = resolve(import.meta.dirname, "..");
const THREATS = "docs/threats.md";
const LIST_BEGINS = "<!-- tests: written by npx node scripts/check-docs.ts --write -->";

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const files = (pattern: string): readonly string[] => globSync(pattern, { cwd: root }).toSorted();
const faults: string[] = [];

function expect(holds: boolean, fault: string): void {
  if (!holds) faults.push(fault);
}

function checkLinks(): void {
  const known: { scripts: Record<string, string> } = JSON.parse(read("package.json"));
  for (const file of files("{*,docs/**/*}.md")) {
    const text = read(file);
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      const [path = "", anchor] = target.split("#");
      if (/^[a-z]+:/.test(target)) continue;
      const linked = path === "" ? join(root, file) : resolve(root, dirname(file), path);
      expect(existsSync(linked), `${file} links to ${target}, which is not there`);
      if (anchor === undefined || !linked.endsWith(".md") || !existsSync(linked)) continue;
      expect(
        anchorsOf(readFileSync(linked, "utf8")).has(anchor),
        `${file} links to ${target}, which has no such heading`,
      );
    }
    for (const [, script = ""] of text.matchAll(/npm run ([a-z:-]+)/g)) {
      expect(script in known.scripts, `${file} names npm run ${script}, which package.json does not have`);
    }
  }
}

/** As GitHub makes them of headings. */
function anchorsOf(markdown: string): ReadonlySet<string> {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** A refusal with every field that a telling reads, so that it can be told here. */
const SAMPLE = { allow: [], fault: "", rateLimit: "", rateLimitPolicy: "", retryAfterSeconds: 1 };

function checkRefusals(): void {
  const rows = tableOf(read("docs/refusals.md"), "code");
  const told = new Map(rows.map(([code = "", status, carries = ""]) => [code, { status, carries: codesIn(carries) }]));
  for (const [code, telling] of Object.entries(REFUSALS)) {
    const row = told.get(`\`${code}\``);
    const carries = [
      ...Object.keys(telling.fields?.(SAMPLE as never) ?? {}),
      ...Object.keys(telling.headers?.(SAMPLE as never) ?? {}),
    ];
    expect(row !== undefined, `docs/refusals.md has no row for ${code}`);
    expect(row?.status === String(telling.status), `docs/refusals.md: ${code} has status ${telling.status}`);
    const written = [...(row?.carries ?? [])].toSorted().join(" ");
    expect(
      written === carries.toSorted().join(" "),
      `docs/refusals.md: ${code} carries ${carries.join(", ") || "nothing"}`,
    );
  }
  for (const code of told.keys()) {
    expect(code.slice(1, -1) in REFUSALS, `docs/refusals.md has a row for ${code}, which is no refusal`);
  }
}

/** The cells of the first table whose head begins with `head`. */
function tableOf(markdown: string, head: string): readonly (readonly string[])[] {
  const lines = markdown.split("\n");
  const first = lines.findIndex((line) => line.startsWith(`| ${head} |`)) + 2;
  const end = lines.findIndex((line, index) => index >= first && !line.startsWith("|"));
  return lines.slice(first, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function codesIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}

const STORES: readonly (readonly [string, string])[] = [
  ["## Product object", "durable-objects/product/schema.ts"],
  ["## Limiter object", "durable-objects/limiter/count-table.ts"],
  ["## Control object", "durable-objects/control/schema.ts"],
  ["## Postgres", "migrations/*.sql"],
];

function checkStorage(): void {
  const sections = read("docs/storage-schema.md").split(/^(?=## )/m);
  for (const [heading, pattern] of STORES) {
    const section = sections.find((text) => text.startsWith(heading)) ?? "";
    const schema = files(pattern).map(read).join("\n");
    for (const [, table = "", body = ""] of schema.matchAll(
      /CREATE TABLE (?:IF NOT EXISTS )?(\w+) \(\n([\s\S]*?)\n\s*\)/g,
    )) {
      const told = section.split(/^(?=### )/m).find((text) => text.startsWith(`### \`${table}\``));
      expect(told !== undefined, `docs/storage-schema.md: ${heading} does not have the table ${table}`);
      for (const [, column = ""] of body.matchAll(/^\s*([a-z_]+) /gm)) {
        expect(told?.includes(`\`${column}\``) === true, `docs/storage-schema.md: ${table} does not have ${column}`);
      }
    }
  }
}

function checkApi(): void {
  const told = read("docs/api.md");
  for (const [, path = ""] of read("src/reference/operations.ts").matchAll(/path: "(\/[^"]+)"/g)) {
    expect(told.includes(`${path}\``), `docs/api.md does not tell of ${path}`);
  }
}

function checkLog(): void {
  const told = new Set(tableOf(read("docs/operations.md"), "event").map(([event = "", level]) => `${event} ${level}`));
  const logged = new Set<string>();
  for (const file of files("{src,durable-objects}/**/*.ts")) {
    for (const [, level, event] of read(file).matchAll(/logEvent\(\s*"(\w+)",\s*"([a-z-]+)"/g)) {
      logged.add(`\`${event}\` ${level}`);
    }
  }
  for (const line of logged.difference(told)) faults.push(`docs/operations.md does not tell of the event ${line}`);
  for (const line of told.difference(logged)) faults.push(`docs/operations.md tells of ${line}, which nothing logs`);
}

/** Names of tests that begin with the numbers of threats and faults, as `T2 makes one order ...`. */
function numberedTests(): ReadonlyMap<string, readonly string[]> {
  const tests = new Map<string, string[]>();
  for (const file of files("test/**/*.test.ts")) {
    for (const [, , name = ""] of read(file).matchAll(/(["'`])([TF]\d{1,2}\b[^\n]*?[^\\])\1/g)) {
      // A number alone is a value of some table, no test's name.
      if (!name.includes(" ")) continue;
      for (const [number] of name.matchAll(/\b[TF]\d{1,2}\b/g)) {
        const entry = `\`${file}\`: ${name}`;
        tests.set(number, [...(tests.get(number) ?? []), entry]);
      }
    }
  }
  return tests;
}

function checkThreats(): void {
  const [text = "", list = ""] = read(THREATS).split(LIST_BEGINS);
  const tests = numberedTests();
  const known = new Set([...tests.values()].flat());
  for (const [, entry = ""] of list.matchAll(/^ *- (`test\/.+)$/gm)) {
    expect(known.has(entry), `${THREATS} names a test that is not there: ${entry}`);
  }
  for (const [, number = "", status = ""] of text.matchAll(/^\| ([TF]\d{1,2}) \|.*\| ([^|]+) \|$/gm)) {
    const isProven = !status.includes("later") && !status.includes("untested");
    expect(!isProven || tests.has(number), `${THREATS}: no test has ${number} in its name`);
  }
}

function writeTests(): void {
  const [text = ""] = read(THREATS).split(LIST_BEGINS);
  const numbers = [...numberedTests()].toSorted(([a], [b]) => rank(a) - rank(b));
  const list = numbers.map(([number, entries]) => `* ${number}\n${entries.map((entry) => `  - ${entry}`).join("\n")}`);
  writeFileSync(join(root, THREATS), `${text}${LIST_BEGINS}\n\n${list.join("\n")}\n`);
}

/** Threats before faults, each by its number. */
function rank(number: string): number {
  return Number(number.slice(1)) + (number.startsWith("F") ? 1000 : 0);
}

if (process.argv.includes("--write")) writeTests();
checkLinks();
checkRefusals();
checkStorage();
checkApi();
checkLog();
checkThreats();
for (const fault of faults) console.error(fault);
console.log(`${files("{*,docs/**/*}.md").length} documents, ${faults.length} faults`);
if (faults.length > 0) process.exitCode = 1;
