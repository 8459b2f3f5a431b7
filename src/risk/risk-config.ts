/** [vars.RISK]: the signals' weights, what their sum leads to, and who may buy at all. Strict: an unknown signal stops the start. */
import * as v from "valibot";
import { ConfigError } from "../config-error.ts";
import { parseTable } from "../config-parsing.ts";
import { ACCOUNTS_MAX } from "./count-accounts.ts";
import { type EligibilityRules, type RiskRules, SIGNALS, type Signal } from "./decide-risk.ts";

export interface RiskConfig extends RiskRules {
  readonly mode: "enforce" | "shadow" | "off";
  readonly windowMs: number;
  readonly delayMs: number;
  readonly eligibility: EligibilityRules;
  /** Where the shop's JWT says what we look at. */
  readonly claims: { readonly createdAt: string; readonly level: string; readonly verified: string };
}

const score = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1000));
const step = v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000)));

const RISK = v.strictObject({
  mode: v.picklist(["enforce", "shadow", "off"], 'Must be "enforce", "shadow" or "off"'),
  window_seconds: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3600)),
  delay_ms: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(5000)),
  steps: v.strictObject({ challenge: step, harder: step, delay: step, deny: step }),
  signals: v.record(
    v.string(),
    v.strictObject({ weight: score, threshold: v.pipe(v.number(), v.minValue(0), v.finite()) }),
  ),
  eligibility: v.strictObject({
    min_account_age_days: v.pipe(v.number(), v.minValue(0), v.maxValue(36_500)),
    min_level: v.pipe(v.number(), v.minValue(0), v.finite()),
    verified: v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(64))),
  }),
  claims: v.strictObject({ created_at: v.string(), level: v.string(), verified: v.string() }),
});

/** Thresholds at which a signal would never fire, or for everybody. */
const THRESHOLDS: Partial<Readonly<Record<Signal, readonly [least: number, most: number, why: string]>>> = {
  "accounts-per-address": [0, ACCOUNTS_MAX - 1, `accounts are counted up to ${ACCOUNTS_MAX}`],
  "accounts-per-fingerprint": [0, ACCOUNTS_MAX - 1, `accounts are counted up to ${ACCOUNTS_MAX}`],
  // A page checks out as soon as it has its token, and no way through a network takes longer in earnest.
  "fast-checkout": [0, 1000, "in ms; the sale page itself needs no longer"],
  "list-hit": [1, 4, "of network, ASN, country and buyer"],
};

const SILENT = { weight: 0, threshold: 0 } as const;

function isSignal(name: string): name is Signal {
  return SIGNALS.some((signal) => signal === name);
}

export function parseRisk(env: Readonly<Record<string, unknown>>): RiskConfig {
  const table = parseTable(env, "RISK", RISK);
  for (const name of Object.keys(table.signals)) {
    if (!isSignal(name)) throw new ConfigError(`RISK.signals.${name}`, `Is no signal; there are ${SIGNALS.join(", ")}`);
  }
  for (const [signal, [least, most, why]] of Object.entries(THRESHOLDS)) {
    const { weight, threshold } = table.signals[signal] ?? SILENT;
    if (weight === 0 || (threshold >= least && threshold <= most)) continue;
    throw new ConfigError(`RISK.signals.${signal}.threshold`, `Must be from ${least} to ${most}: ${why}`);
  }
  const { challenge, harder, delay, deny } = table.steps;
  const order = [challenge, harder, delay, deny].filter((least) => least !== undefined);
  if (order.some((least, index) => index > 0 && least < (order[index - 1] ?? 0))) {
    throw new ConfigError("RISK.steps", "Must rise from challenge over harder and delay to deny");
  }
  const { created_at: createdAt, level, verified } = table.claims;
  const { min_account_age_days: minAccountAgeDays, min_level: minLevel } = table.eligibility;
  return {
    mode: table.mode,
    windowMs: table.window_seconds * 1000,
    delayMs: table.delay_ms,
    steps: { challenge: challenge ?? null, harder: harder ?? null, delay: delay ?? null, deny: deny ?? null },
    signals: Object.fromEntries(
      SIGNALS.map((signal) => [signal, table.signals[signal] ?? SILENT]),
    ) as RiskConfig["signals"],
    eligibility: { minAccountAgeDays, minLevel, verified: table.eligibility.verified },
    claims: { createdAt, level, verified },
  };
}
