/** What "defences on" and "defences off" mean: the gateway's variables and the round's rules. Pure. */
import * as v from "valibot";
import type { Vars } from "../gateway/dev-vars.ts";

export const DEFENCES = ["on", "off"] as const;
export type Defences = (typeof DEFENCES)[number];

export interface RoundDefences {
  readonly perBuyerLimit: number;
  readonly holdSeconds: number;
}

/** On: a unit each, and holds so short that a lapse is seen within the attack. */
const HOLD_SECONDS_ON = 5;
/** Off: a basket as shops used to keep it. */
const HOLD_SECONDS_OFF = 600;

const limits = v.looseObject({ policies: v.record(v.string(), v.looseObject({ mode: v.string() })) });

/**
 * The variables that differ from wrangler.toml's. Off: every limit is off, whatever policies there are. Signatures, the
 * gate and the token's single use are no defences that can be switched off; they stand in both.
 */
export function varsOf(defences: Defences, wrangler: Vars): Vars {
  if (defences === "on") return {};
  const table = v.parse(limits, wrangler["LIMITS"]);
  const policies = Object.entries(table.policies).map(([name, policy]) => [name, { ...policy, mode: "off" }]);
  return { LIMITS: { ...table, policies: Object.fromEntries(policies) } };
}

/** Off: no cap on a buyer but the stock. */
export function rulesOf(defences: Defences, stock: number): RoundDefences {
  if (defences === "on") return { perBuyerLimit: 1, holdSeconds: HOLD_SECONDS_ON };
  return { perBuyerLimit: stock, holdSeconds: HOLD_SECONDS_OFF };
}
