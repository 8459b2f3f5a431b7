/**
 * `npm run plan -- --validate`: sales on this machine, predicted and played, side by side.
 *
 * Predicted is with the costs that are at hand: measure them on the same machine first (`--measure`), or the times are those
 * of another one. The generator and Postgres share the machine with the gateway; the simulation does not know of them.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnGateway } from "../../gateway/child.ts";
import { readDemoVars, requireVar } from "../../gateway/dev-vars.ts";
import { StartError } from "../../gateway/start-error.ts";
import type { Costs } from "../costs.ts";
import type { GatewayRules } from "../gateway-rules.ts";
import { bundleEntries } from "../measure/bundle.ts";
import { serviceTimes } from "../simulation/service-times.ts";
import { simulate } from "../simulation/simulation.ts";
import { type Comparison, compare } from "./compare.ts";
import { play } from "./play.ts";
import { saleOf, type Scenario, SCENARIOS } from "./scenarios.ts";

export interface Validation {
  readonly at: string;
  readonly sources: readonly string[];
  readonly sales: readonly { readonly scenario: Scenario; readonly comparisons: readonly Comparison[] }[];
}

const SEED = 1;

/** @throws StartError when a call was answered as in no sale. */
export async function validatePlan(
  rules: GatewayRules,
  costs: Costs,
  tell: (line: string) => void,
  scenarios: readonly Scenario[] = SCENARIOS,
): Promise<Validation> {
  const state = await mkdtemp(join(tmpdir(), "sluice-plan-"));
  try {
    tell("bundling");
    const { metered } = await bundleEntries(state);
    const sales: { scenario: Scenario; comparisons: readonly Comparison[] }[] = [];
    for (const scenario of scenarios) {
      tell(`playing ${scenario.name}: ${scenario.tells}`);
      const sale = saleOf(scenario, costs, SEED);
      const simulated = simulate(sale, rules, serviceTimes(costs, rules));
      const played = await withGateway(await mkdtemp(join(state, "gateway-")), metered, (field) =>
        play(sale, field, scenario.name),
      );
      if (played.unexpected > 0) {
        throw new StartError(`${played.unexpected} calls of ${scenario.name} were answered as in no sale`);
      }
      sales.push({ scenario, comparisons: compare({ simulated, played, costs }) });
    }
    return { at: new Date().toISOString(), sources: costs.sources, sales };
  } finally {
    await rm(state, { recursive: true, force: true });
  }
}

async function withGateway<Value>(
  stateDir: string,
  script: string,
  work: (field: { url: string; adminToken: string; webhookSecrets: string }) => Promise<Value>,
): Promise<Value> {
  const vars = await readDemoVars();
  const gateway = await spawnGateway({ port: 0, stateDir, vars, script }, (text) => process.stderr.write(text));
  try {
    const adminToken = requireVar(vars, "ADMIN_TOKEN");
    return await work({ url: gateway.url, adminToken, webhookSecrets: requireVar(vars, "ORIGIN_WEBHOOK_SECRET") });
  } finally {
    await gateway.stop();
  }
}
