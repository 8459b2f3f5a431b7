/** `npm run plan`: what a sale asks of the platform, whether it is enough, and what it costs; see plan/options.ts. */
import { runProgram } from "./gateway/program.ts";
import { readCosts } from "./plan/costs.ts";
import { planDocument } from "./plan/document.ts";
import { formatExplanation } from "./plan/explain.ts";
import { readGatewayRules } from "./plan/gateway-rules.ts";
import { makePlan } from "./plan/make-plan.ts";
import { parsePlanOptions, PLAN_HELP } from "./plan/options.ts";
import { formatPlan } from "./plan/report.ts";
import { showProgress } from "./rush/progress.ts";

/** Progress of work that lets no timer come between: a line a second at the most, and none of what is done within the first. */
function showAtOnce(): (line: string) => void {
  let shownAt = performance.now();
  return (line) => {
    if (performance.now() - shownAt < 1000) return;
    shownAt = performance.now();
    process.stderr.write(process.stderr.isTTY ? `\r\u001B[K${line}` : `${line}\n`);
  };
}

await runProgram(async () => {
  const options = parsePlanOptions(process.argv.slice(2));
  if (options === "help") {
    console.log(PLAN_HELP);
    return 0;
  }
  let line = "";
  const hide = showProgress(() => line);
  const tell = (told: string): void => void (line = told);
  try {
    if (options.what === "measure") {
      const { measureCosts, writeCosts } = await import("./plan/measure/measure.ts");
      const measured = await measureCosts({ tell });
      await writeCosts(measured);
      hide();
      console.log(JSON.stringify(measured, undefined, 2));
      return 0;
    }
    const rules = readGatewayRules();
    const costs = readCosts();
    if (options.what === "validate") {
      const { validatePlan } = await import("./plan/validate/validate.ts");
      const { formatValidation } = await import("./plan/validate/report.ts");
      const validation = await validatePlan(rules, costs, tell);
      hide();
      console.log(options.json ? JSON.stringify(validation, undefined, 2) : formatValidation(validation));
      return 0;
    }
    const plan = makePlan(options.sale, rules, costs, Date.now(), showAtOnce());
    hide();
    console.log(options.json ? JSON.stringify(planDocument(plan), undefined, 2) : formatPlan(plan));
    if (options.explain && !options.json) console.log(`\n${formatExplanation(plan)}`);
    return 0;
  } finally {
    hide();
  }
});
