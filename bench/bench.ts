/** `npm run bench`: see options.ts and README.md. */
import { runProgram } from "../scripts/gateway/program.ts";
import { showProgress } from "../scripts/rush/progress.ts";
import { table } from "../scripts/rush/table.ts";
import { against } from "./against.ts";
import { BENCHES } from "./benches.ts";
import { type Bench, type BenchPlan, layFoundation, onGround } from "./ground.ts";
import { requireProc } from "./machine/cpu.ts";
import { describeCommit, describeMachine } from "./machine/describe.ts";
import { BENCH_HELP, type BenchOptions, parseBenchOptions } from "./options.ts";
import { plotResults } from "./plot/plot.ts";
import { formatResult } from "./report.ts";
import { readResults, type Result, writeCosts, writePlot, writeResult } from "./results.ts";

const FULL: Omit<BenchPlan, "noisy" | "long"> = { quick: false, rounds: 5, seconds: 1, connections: 64 };
const QUICK: Omit<BenchPlan, "noisy" | "long"> = { quick: true, rounds: 3, seconds: 1, connections: 64 };

const MINUTE_SECONDS = 60;

await runProgram(async () => {
  const options = parseBenchOptions(
    process.argv.slice(2),
    BENCHES.map(({ name }) => name),
  );
  if (options === "help") {
    console.log(BENCH_HELP);
    return 0;
  }
  if (options.list) {
    console.log(table(BENCHES.map(({ name, tells }) => [name, tells])));
    return 0;
  }
  requireProc();
  const results = await runBenches(options);
  for (const result of results) console.log(formatResult(result));
  return options.strict && results.some(missesTarget) ? 1 : 0;
});

async function runBenches(options: BenchOptions): Promise<readonly Result[]> {
  const plan: BenchPlan = { ...(options.quick ? QUICK : FULL), noisy: options.noisy, long: options.long };
  const benches = options.against === undefined ? chosen(options) : [against(options.against)];
  let now = "bundling the Worker";
  let present = 0;
  let begun = performance.now();
  const hide = showProgress(() => {
    const left = benches.slice(present).reduce((seconds, bench) => seconds + bench.estimate(plan), 0);
    const gone = (performance.now() - begun) / 1000;
    const minutes = Math.ceil(Math.max(0, left - gone) / MINUTE_SECONDS);
    return `[${Math.min(present + 1, benches.length)}/${benches.length}] ${now} (about ${minutes} min left)`;
  });
  const foundation = await layFoundation();
  try {
    const machine = await describeMachine(foundation.database.url, foundation.generator.name);
    const commit = await describeCommit();
    const results: Result[] = [];
    for (const bench of benches) {
      begun = performance.now();
      now = `${bench.name}: starting`;
      const findings = await onGround(bench, foundation, plan, machine, (what) => {
        now = `${bench.name}: ${what}`;
      });
      const result: Result = {
        name: bench.name,
        at: new Date().toISOString(),
        commit,
        machine,
        conditions: findings.conditions,
        rounds: findings.rounds.map((slices) => [...slices]),
        ratios: [...findings.ratios],
        facts: [...(findings.facts ?? [])],
        costs: { ...findings.costs },
        thrownAway: [...(findings.thrownAway ?? [])],
        notes: [...(findings.notes ?? [])],
      };
      if (!options.noisy) writeResult(result);
      results.push(result);
      present++;
    }
    if (!options.noisy) keepResults();
    return results;
  } finally {
    hide();
    await foundation.stop();
  }
}

function chosen({ names }: BenchOptions): readonly Bench[] {
  return BENCHES.filter(({ name }) => names.length === 0 || names.includes(name));
}

/** What is made of all results together, those of earlier runs too. */
function keepResults(): void {
  const all = readResults();
  writeCosts(all);
  const plot = plotResults(all);
  if (plot !== null) writePlot(plot);
}

function missesTarget({ ratios, facts }: Result): boolean {
  return [...ratios, ...facts].some(({ kept }) => !kept);
}
