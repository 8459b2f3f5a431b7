/** A plan as data, for `--json`. */
import { afterwardsOf } from "./afterwards.ts";
import type { Plan } from "./make-plan.ts";
import { LIMITS, PRICES } from "./platform.ts";
import { UNKNOWN } from "./report.ts";
import { COUNTED } from "./simulation/tally.ts";

export function planDocument(plan: Plan) {
  const { sale, rules, costs, times, done, usage, bill, verdict } = plan;
  const { tally, ...outcome } = done;
  return {
    sale,
    verdict,
    outcome,
    afterwards: afterwardsOf(sale, done, rules),
    counts: Object.fromEntries(
      COUNTED.map((what) => [
        what,
        { total: Math.round(tally.of(what)), peak: Math.round(tally.peak([what]).perSecond) },
      ]),
    ),
    usage,
    bill,
    inputs: { rules, costs, times, limits: LIMITS, prices: PRICES },
    unknown: UNKNOWN,
  };
}
