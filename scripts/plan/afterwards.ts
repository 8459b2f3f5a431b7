/**
 * What a sale leaves to be done days later: orders that are over leave their object, and whoever asks for one then is told from Postgres. Pure.
 *
 * Orders leave when their time has passed, so many to an alarm as have become due by then. Those that ended within milliseconds of one another share one,
 * others have one each: that is what is counted, an upper bound.
 */
import { type GatewayRules, TIDY_STEP_ROWS } from "./gateway-rules.ts";
import type { PlannedSale } from "./model.ts";
import type { SimulatedSale } from "./simulation/simulation.ts";

export interface Afterwards {
  /** Orders that leave: all of them, once their round is closed. */
  readonly orders: number;
  /** How long after its end one leaves at the earliest. Milliseconds. */
  readonly afterMs: number;
  /** Alarms that let them go: at the least, where they ended together, and at the most. */
  readonly alarmsLeast: number;
  readonly alarmsMost: number;
  /** Looks at orders that have left: a request, a call of the object, and a look-up in Postgres each. */
  readonly looks: number;
}

export function afterwardsOf(sale: PlannedSale, { tally }: SimulatedSale, rules: GatewayRules): Afterwards {
  const orders = tally.of("held");
  const paid = Math.min(orders, tally.of("paid"));
  return {
    orders,
    afterMs: rules.retentionMs,
    // A step takes of each kind.
    alarmsLeast: Math.ceil(Math.max(paid, orders - paid) / TIDY_STEP_ROWS),
    alarmsMost: orders,
    looks: Math.round(orders * sale.crowd.laterShare),
  };
}
