/**
 * What an operator may do to a round, and when. Pure.
 *
 * A round's rules are fixed from some minutes before it opens until it closes, so that nobody plans on rules that move;
 * its stock may be changed at any time, and every such change is an entry of the ledger.
 */
import type { RefusalOf } from "../../src/refusal.ts";
import type { ConfigureCommand, Ledger } from "./protocol.ts";
import { addUnits, type Round, withdrawUnits } from "./ledger.ts";
import { decideRoundState } from "./round-state.ts";

/** Units of one round: what Postgres counts in an integer, with room to spare. */
const ROUND_UNITS_MAX = 1_000_000_000;

type WrongState = RefusalOf<"wrong-state">;

export type PlanDecision =
  | { readonly kind: "next"; readonly round: number }
  | { readonly kind: "change"; readonly round: number }
  | { readonly kind: "refused"; readonly refusal: WrongState };

/** Whether new rules would change the present round or begin the next one. */
export function decidePlan(current: Round | null, rulesFrozenSeconds: number, now: number): PlanDecision {
  if (current === null) return { kind: "next", round: 1 };
  if (current.closed) return { kind: "next", round: current.round + 1 };
  const state = decideRoundState({ ...current, ...current.ledger }, now);
  // A round with orders is not to come any more, should the clock have gone back: fresh rules begin a fresh stock book.
  const hasOrders = Object.values(current.orders).some((orders) => orders > 0);
  if (state === "upcoming" && !hasOrders && now < current.opensAt - rulesFrozenSeconds * 1000) {
    return { kind: "change", round: current.round };
  }
  const detail =
    state === "closed"
      ? "Holds of the round that just closed are still open: wait until they end, or close the round"
      : `The rules of round ${current.round} are fixed until it closes; its stock can still be changed`;
  return { kind: "refused", refusal: { code: "wrong-state", status: state, detail } };
}

/**
 * The same where the origin is to give the stock. Not in a round whose stock the operator gave: the origin's row shows
 * those units too, and would give them a second time.
 */
export function decideOriginPlan(current: Round | null, rulesFrozenSeconds: number, now: number): PlanDecision {
  const plan = decidePlan(current, rulesFrozenSeconds, now);
  if (plan.kind !== "change" || current?.stockSource === "origin") return plan;
  const detail = `The stock of round ${plan.round} is the operator's: change it by a number, or close the round first`;
  return { kind: "refused", refusal: { code: "wrong-state", status: "upcoming", detail } };
}

const NO_ORDERS = { held: 0, paid: 0, cancelled: 0, expired: 0, refund_due: 0 } as const;

function freshLedger(stock: number): Ledger {
  return { allocated: stock, available: stock, held: 0, paid: 0, withdrawn: 0 };
}

/** The round as new rules make it, and how many units go back to the origin because the operator gave a number instead. */
export function configureRound(
  current: Round | null,
  plan: { readonly kind: "next" | "change"; readonly round: number },
  command: ConfigureCommand,
  gate: string,
): { readonly round: Round; readonly returned: number } {
  const changes = plan.kind === "change" && current !== null;
  const fromOrigin = command.originRound !== null;
  return {
    round: {
      ...command.rules,
      round: plan.round,
      gate: changes ? current.gate : gate,
      paused: changes ? current.paused : false,
      closed: false,
      stockSource: fromOrigin ? "origin" : "operator",
      ledger: freshLedger(command.stock),
      orders: NO_ORDERS,
      version: (current?.version ?? 0) + 1,
    },
    returned: changes && current.stockSource === "origin" && !fromOrigin ? current.ledger.available : 0,
  };
}

export type StockDecision =
  | { readonly kind: "changed"; readonly round: Round; readonly returned: number }
  | { readonly kind: "refused"; readonly refusal: WrongState };

/** Units are added to the round, or withdrawn from what is available. */
export function decideStockChange(current: Round, delta: number, now: number): StockDecision {
  const state = decideRoundState({ ...current, ...current.ledger }, now);
  if (current.closed || state === "closed") {
    return { kind: "refused", refusal: { code: "wrong-state", status: "closed" } };
  }
  if (current.ledger.allocated + delta > ROUND_UNITS_MAX) {
    const detail = `A round holds at most ${ROUND_UNITS_MAX} units`;
    return { kind: "refused", refusal: { code: "wrong-state", status: state, detail } };
  }
  if (-delta > current.ledger.available) {
    const detail = `Only ${current.ledger.available} units are available to be withdrawn`;
    return { kind: "refused", refusal: { code: "wrong-state", status: state, detail } };
  }
  const ledger = delta >= 0 ? addUnits(current.ledger, delta) : withdrawUnits(current.ledger, -delta);
  const returned = delta < 0 && current.stockSource === "origin" ? -delta : 0;
  return { kind: "changed", round: { ...current, ledger, version: current.version + 1 }, returned };
}

/** The round's end: nothing may be held any more, and what is left is withdrawn (and given back, if it was the origin's). */
export function closeRound(current: Round): { readonly round: Round; readonly returned: number } {
  const left = current.ledger.available;
  return {
    round: {
      ...current,
      closed: true,
      paused: false,
      ledger: withdrawUnits(current.ledger, left),
      version: current.version + 1,
    },
    returned: current.stockSource === "origin" ? left : 0,
  };
}

/** A round that is over by the clock ends for good once its last hold has ended. */
export function isFinished(current: Round, now: number): boolean {
  return !current.closed && now >= current.closesAt && current.ledger.held === 0;
}
