/** What "defences on" and "defences off" mean: the gateway's variables and the round's rules. Pure. */
import * as v from "valibot";
import type { Vars } from "../gateway/dev-vars.ts";
import { scalePuzzles } from "./work/puzzles.ts";

export const DEFENCES = ["on", "off"] as const;
export type Defences = (typeof DEFENCES)[number];

export interface RoundDefences {
  readonly perBuyerLimit: number;
  readonly holdSeconds: number;
  readonly challenges: readonly string[];
}

/** On: a unit each, and holds so short that a lapse is seen within the attack. */
const HOLD_SECONDS_ON = 5;
/** Off: a basket as shops used to keep it. */
const HOLD_SECONDS_OFF = 600;

/** A hold that lapses costs its buyer so much of his budget at least, in seconds, and holds here are shorter. */
const LAPSE_COSTS_SECONDS = 10;
/** What one account may let lapse in a day. */
export const LAPSES_PER_ACCOUNT = 1;
/** What all accounts behind one address may: as many as in wrangler.toml (86400 s, holds of 120 s), for it may be a campus. */
const LAPSES_PER_ADDRESS = 720;

/** The budgets of a sale of single pieces. What is not named here stays as wrangler.toml has it. */
const HOARDING_ON = {
  open_holds_per_buyer: 1,
  unpaid_hold_seconds_per_buyer: LAPSES_PER_ACCOUNT * LAPSE_COSTS_SECONDS,
  unpaid_hold_seconds_per_client: LAPSES_PER_ADDRESS * LAPSE_COSTS_SECONDS,
};
const HOARDING_OFF = {
  open_holds_per_buyer: 0,
  unpaid_hold_seconds_per_buyer: 0,
  unpaid_hold_seconds_per_client: 0,
  lapses: 0,
  cooldown_seconds: 0,
};

const limits = v.looseObject({ policies: v.record(v.string(), v.looseObject({ mode: v.string() })) });
const anyTable = v.looseObject({});

/**
 * The variables that differ from wrangler.toml's. On: its limits as they are, small puzzles that stand for its own, risk
 * enforced, budgets for hoarders. Off: none of them, whatever policies there are. Signatures, the gate and the token's
 * single use are no defences that can be switched off; they stand in both.
 */
export function varsOf(defences: Defences, wrangler: Vars): Vars {
  const [hoarding, risk] = [v.parse(anyTable, wrangler["HOARDING"]), v.parse(anyTable, wrangler["RISK"])];
  if (defences === "on") {
    return {
      CHALLENGE: scalePuzzles(wrangler).challenge,
      HOARDING: { ...hoarding, ...HOARDING_ON },
      RISK: { ...risk, mode: "enforce" },
    };
  }
  const table = v.parse(limits, wrangler["LIMITS"]);
  const policies = Object.entries(table.policies).map(([name, policy]) => [name, { ...policy, mode: "off" }]);
  return {
    LIMITS: { ...table, policies: Object.fromEntries(policies) },
    HOARDING: { ...hoarding, ...HOARDING_OFF },
    RISK: { ...risk, mode: "off" },
  };
}

/** Off: no cap on a buyer but the stock, and nothing to solve. */
export function rulesOf(defences: Defences, stock: number): RoundDefences {
  if (defences === "on") return { perBuyerLimit: 1, holdSeconds: HOLD_SECONDS_ON, challenges: ["pow"] };
  return { perBuyerLimit: stock, holdSeconds: HOLD_SECONDS_OFF, challenges: [] };
}
