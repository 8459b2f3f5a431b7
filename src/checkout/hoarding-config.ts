/** `[vars.HOARDING]`: what is asked of those who hold and do not pay. It travels with each hold: the product object has no configuration. */
import * as v from "valibot";
import type { HoardingRules } from "../../durable-objects/product/protocol.ts";
import { parseTable, seconds } from "../config-parsing.ts";

/** A buyer's cap bounds open holds anyway. */
const OPEN_HOLDS_MAX = 10_000;
/** Ten thousand units for a whole day: beyond it a budget bounds nothing. Seconds times units. */
const UNIT_SECONDS_MAX = 864_000_000;
/** More would have to be looked up with each hold. */
const LAPSES_MAX = 100;
const DAY_SECONDS = 86_400;

const count = (most: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(most));

const HOARDING = v.pipe(
  v.strictObject({
    open_holds_per_buyer: count(OPEN_HOLDS_MAX),
    unpaid_hold_seconds_per_buyer: count(UNIT_SECONDS_MAX),
    unpaid_hold_seconds_per_client: count(UNIT_SECONDS_MAX),
    lapses: count(LAPSES_MAX),
    cooldown_seconds: seconds(0, DAY_SECONDS),
  }),
  v.forward(
    v.check(
      ({ lapses, cooldown_seconds: pause }) => lapses > 0 === pause > 0,
      "Must be 0 where lapses is 0, and only there",
    ),
    ["cooldown_seconds"],
  ),
);

export function parseHoarding(env: Readonly<Record<string, unknown>>): HoardingRules {
  const table = parseTable(env, "HOARDING", HOARDING);
  return {
    openHoldsPerBuyer: table.open_holds_per_buyer,
    unpaidUnitSecondsPerBuyer: table.unpaid_hold_seconds_per_buyer,
    unpaidUnitSecondsPerClient: table.unpaid_hold_seconds_per_client,
    lapses: table.lapses,
    cooldownSeconds: table.cooldown_seconds,
  };
}
