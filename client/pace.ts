/**
 * How often the gateway is asked how things stand. Pure: `now` and the random number are parameters.
 *
 * The gateway sets the pace: never before `Retry-After`, never while `Cache-Control: max-age` says that the last answer is
 * still good. Above that floor, the pace follows how soon anything can change, spread so that pages do not ask in step.
 */
import type { ProductState } from "./documents.ts";
import { isOrderOver, phaseOfProduct, type SaleState } from "./sale-state.ts";

/** What the next look is at. */
export interface Look {
  readonly product: boolean;
  readonly order: boolean;
  readonly delayMs: number;
}

/** Between two looks at the product, in milliseconds. */
const PRODUCT_PACE_MS: Readonly<Record<ProductState, number>> = {
  // The opening itself is known to the millisecond; this only notices a pause or a change of the rules.
  upcoming: 15_000,
  // The buyer's own click is answered with the truth; this only tells the undecided.
  open: 4_000,
  // Units come back here: whoever waits wants to know.
  "held-out": 2_000,
  paused: 4_000,
  // An operator may still add stock.
  "sold-out": 20_000,
  // The next round may be prepared at any time, and whoever waits for it should not have to reload.
  closed: 30_000,
};
/** While a hold runs or an order's event is on its way. Milliseconds. */
const ORDER_PACE_MS = 2_500;
/** After a moment that changes the sale by itself (opening, closing, end of a hold). Milliseconds. */
const BOUNDARY_JITTER_MS = 400;
/** After a failed look, doubled each time. Milliseconds. */
const FAILURE_PACE_MS = 2_000;
const LONGEST_FAILURE_PACE_MS = 30_000;
/** Every pace is stretched by up to this share. */
const SPREAD = 0.3;

/**
 * The next look, or undefined when there is nothing to look for. `freshForMs`: how long the last answer is good for;
 * `now`: the gateway's time, if known; `random`: at least 0, below 1.
 */
export function decideNextLook(
  state: SaleState,
  now: number | undefined,
  freshForMs: number,
  random: number,
): Look | undefined {
  if (state.activity !== "idle") return undefined;
  const order = state.order !== undefined && (state.order.status === "held" || !state.order.delivered);
  const product = state.order === undefined || isOrderOver(state.order);
  const pace = paceOf(state, now, { order, product });
  if (pace === undefined) return undefined;

  const spread = pace * (1 + random * SPREAD);
  const boundary = now === undefined ? undefined : boundaryOf(state, now);
  const planned =
    boundary === undefined || now === undefined
      ? spread
      : Math.min(spread, boundary - now + random * BOUNDARY_JITTER_MS);
  const quietMs = now === undefined ? 0 : (state.quietUntil ?? now) - now;
  // An answer is not fresh beyond the moment that changes it.
  const floorMs = boundary !== undefined && now !== undefined && boundary - now < freshForMs ? 0 : freshForMs;
  return { product, order, delayMs: Math.max(planned, quietMs, floorMs) };
}

function paceOf(
  state: SaleState,
  now: number | undefined,
  look: { readonly order: boolean; readonly product: boolean },
): number | undefined {
  if (state.lookFailure !== undefined) {
    if (state.lookFailure.refusal.code === "not-found" && state.product === undefined) return undefined;
    return Math.min(FAILURE_PACE_MS * 2 ** (state.lookFailure.times - 1), LONGEST_FAILURE_PACE_MS);
  }
  if (look.order) return ORDER_PACE_MS;
  if (!look.product) return undefined;
  return state.product === undefined ? FAILURE_PACE_MS : PRODUCT_PACE_MS[phaseOfProduct(state.product, now)];
}

/** The next moment at which the gateway itself will say something else. */
function boundaryOf(state: SaleState, now: number): number | undefined {
  const moments =
    state.order?.status === "held"
      ? [state.order.holdExpiresAt]
      : [state.product?.opensAt, state.product?.closesAt, state.nextReleaseAt];
  const ahead = moments.filter((moment): moment is number => moment !== undefined && moment > now);
  return ahead.length === 0 ? undefined : Math.min(...ahead);
}
