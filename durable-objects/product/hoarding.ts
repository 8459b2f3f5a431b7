/**
 * What stands against hoarders: who holds units and never pays keeps them from everybody else (OWASP OAT-021). Pure.
 *
 * Three rules, each of which may be off (0): so many open holds per buyer; a budget of unpaid unit-seconds per buyer and per client
 * over a sliding day; a pause after several lapsed holds in a row. A hold counts when it has ended unpaid (expired or
 * cancelled), not before: counting what still runs would refuse the second order within the cap where holds are long, and
 * honest people behind a shared address. So a budget may be overdrawn by what runs when it is used up: per buyer the round's cap.
 *
 * What it gives up: each product counts for itself. A payment, also a late one, takes its order out of the count.
 */
import type { RefusalOf } from "../../src/refusal.ts";
import type { HoardingRules } from "./protocol.ts";
import { secondsUntil } from "./round-state.ts";

/** The sliding window of budgets and lapses: a day, as hoarding goes on from sale to sale. Milliseconds. */
export const HOARDING_WINDOW_MS = 24 * 3600 * 1000;

/**
 * What a hold that ended unpaid costs at least, per unit: giving up at once is no way to occupy the gateway for nothing, and
 * the rows that a budget has to be counted from stay few. Milliseconds.
 */
export const CHARGE_LEAST_MS = 10_000;

/** A hold that ended unpaid: when, and what it kept from others, in units times milliseconds. */
export interface UnpaidEnd {
  readonly endedAt: number;
  readonly unitMs: number;
}

/** The holds of one buyer or client that ended unpaid within the window. */
export interface UnpaidUse {
  readonly unitMs: number;
  /** The oldest first. Read only where the budget is used up. */
  readonly ends: () => Iterable<UnpaidEnd>;
}

/** What is known of a buyer and his client; null or empty where the rule that needs it is off. */
export interface HoardingHistory {
  readonly buyer: UnpaidUse | null;
  readonly client: UnpaidUse | null;
  /** When the buyer's last holds expired, the newest first: at most as many as the rule asks for, within the window. */
  readonly lapsedAt: readonly number[];
  /** When money last came from the buyer. */
  readonly paidAt: number | null;
}

/** A history without anything in it. */
export const NO_HISTORY: HoardingHistory = { buyer: null, client: null, lapsedAt: [], paidAt: null };

/**
 * Whether the buyer has to wait before he may hold again; null: he has not. Retry-After is the moment at which all the rules
 * let him, unless he lets something lapse in between.
 */
export function decideHoarding(
  rules: HoardingRules,
  history: HoardingHistory,
  now: number,
): RefusalOf<"hoarding"> | null {
  const until = Math.max(
    decideBudget(rules.unpaidUnitSecondsPerBuyer, history.buyer),
    decideBudget(rules.unpaidUnitSecondsPerClient, history.client),
    decideCooldown(rules, history),
  );
  return until <= now ? null : { code: "hoarding", retryAfterSeconds: secondsUntil(until, now) };
}

/** When the budget has room again; 0: it has. */
function decideBudget(budgetSeconds: number, use: UnpaidUse | null): number {
  const budgetMs = budgetSeconds * 1000;
  if (budgetMs === 0 || use === null || use.unitMs < budgetMs) return 0;
  let left = use.unitMs;
  for (const { endedAt, unitMs } of use.ends()) {
    left -= unitMs;
    if (left < budgetMs) return endedAt + HOARDING_WINDOW_MS;
  }
  return 0;
}

/** When the pause after lapses in a row is over; 0: there is none. A cancellation neither adds to the row nor breaks it. */
function decideCooldown({ lapses, cooldownSeconds }: HoardingRules, { lapsedAt, paidAt }: HoardingHistory): number {
  const [newest] = lapsedAt;
  const first = lapsedAt[lapses - 1];
  if (newest === undefined || first === undefined || (paidAt !== null && paidAt >= first)) return 0;
  return newest + cooldownSeconds * 1000;
}
