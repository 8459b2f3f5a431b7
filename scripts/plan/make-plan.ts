/** The plan of a sale: the simulation within the limits, the one without them, what it uses, costs and comes to. */
import { type Bill, billOf } from "./bill.ts";
import type { Costs } from "./costs.ts";
import type { GatewayRules } from "./gateway-rules.ts";
import type { PlannedSale } from "./model.ts";
import { tellCount, tellTime } from "./quantities.ts";
import { type ServiceTimes, serviceTimes } from "./simulation/service-times.ts";
import { type SimulatedSale, simulate, type SimulationProgress } from "./simulation/simulation.ts";
import { PRODUCT_CALLS } from "./simulation/tally.ts";
import { type Usage, usageOf } from "./usage.ts";
import { judge, type Verdict } from "./verdict.ts";

export interface Plan {
  readonly sale: PlannedSale;
  readonly rules: GatewayRules;
  readonly costs: Costs;
  readonly times: ServiceTimes;
  readonly done: SimulatedSale;
  readonly demand: SimulatedSale;
  readonly usage: Usage;
  readonly bill: Bill;
  readonly verdict: Verdict;
}

/**
 * @param now ms since the epoch; only prices that change on a day hang on it.
 * @param tell gets a line now and then: a large sale takes minutes.
 */
export function makePlan(
  sale: PlannedSale,
  rules: GatewayRules,
  costs: Costs,
  now: number,
  tell: (line: string) => void = () => {},
): Plan {
  const telling =
    (what: string) =>
    ({ atMs, arrived }: SimulationProgress): void =>
      tell(
        `simulating ${what}: ${tellTime(atMs)} after the opening, ${tellCount(arrived)} of ${tellCount(sale.crowd.buyers)} have come`,
      );
  const times = serviceTimes(costs, rules);
  const done = simulate(sale, rules, times, telling("the sale"));
  const demand = isHeldUp(sale, done)
    ? simulate(withoutLimits(sale), rules, inNoTime(times), telling("the demand without limits"))
    : done;
  const usage = usageOf(sale, done, costs, rules);
  const verdict = judge({ sale, rules, done, demand });
  return { sale, rules, costs, times, done, demand, usage, bill: billOf(usage, now), verdict };
}

/** Whether an object's rate was in the way of anything: then the demand is another sale than the one that took place. */
function isHeldUp({ places }: PlannedSale, { tally, limiterPeakPerSecond }: SimulatedSale): boolean {
  if (places.objectPerSecond === null) return false;
  const product = tally.peak(PRODUCT_CALLS).perSecond / places.shards;
  return Math.max(product, limiterPeakPerSecond) > places.objectPerSecond * ALMOST;
}

/** From this share of its rate on an object lets calls wait noticeably. */
const ALMOST = 0.8;

/** The demand is what comes to objects that are never busy. */
function inNoTime(times: ServiceTimes): ServiceTimes {
  return { ...times, call: 0, command: 0, commit: 0, acknowledgement: 0, limiterTake: 0, limiterFlush: 0 };
}

function withoutLimits(sale: PlannedSale): PlannedSale {
  return { ...sale, places: { ...sale.places, objectPerSecond: null } };
}
