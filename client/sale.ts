/**
 * Runs the sale's state: asks the gateway, hears the buyer's clicks, tells its listeners.
 *
 * What follows from what is decided in `sale-state.ts`, how often is decided in `pace.ts`; here is only the doing. One
 * click sends one request at a time, a hidden page sends none, and a purchase that was under way when the page was left is
 * taken up again with the same token.
 */
import type { Clock } from "./clock.ts";
import type { Gateway } from "./gateway.ts";
import { NO_MEMORY, type SaleMemory } from "./memory.ts";
import type { Refusal } from "./outcome.ts";
import { decideNextLook } from "./pace.ts";
import { type Cancel, NOTHING_TO_CANCEL, pause, type Platform } from "./platform.ts";
import { createPurchase } from "./purchase.ts";
import { decideRetry } from "./retry.ts";
import {
  canBuy,
  canCancel,
  INITIAL_STATE,
  isOrderOver,
  nextBoundary,
  phaseOf,
  reduceSale,
  type SaleEvent,
  type SalePhase,
  type SaleState,
} from "./sale-state.ts";

export interface SaleOptions {
  readonly productId: string;
  readonly gateway: Gateway;
  readonly clock: Clock;
  readonly platform: Platform;
  /** @default nothing outlives a reload */
  readonly memory?: SaleMemory;
  /** Solves what a `challenge-required` refusal carries, as `/challenge.js` does. @default such a refusal is told */
  readonly solveChallenge?: (challenge: unknown) => Promise<unknown>;
}

export interface Sale {
  readonly state: () => SaleState;
  readonly phase: () => SalePhase;
  /** Called after every change, and at the very moments at which time alone changes the phase. */
  readonly subscribe: (listener: () => void) => Cancel;
  /** The buyer's click. Does nothing unless `canBuy`; resolves when its outcome is in the state. */
  readonly buy: (quantity?: number) => Promise<void>;
  /** Gives the hold back. Does nothing unless `canCancel`. */
  readonly cancel: () => Promise<void>;
  readonly stop: () => void;
}

/** The clock is set once more within this time before the opening, at a moment of each page's own. Milliseconds. */
const LAST_SYNC_EARLIEST_MS = 40_000;
const LAST_SYNC_LATEST_MS = 15_000;

export function startSale(options: SaleOptions): Sale {
  const { productId, gateway, clock, platform, memory = NO_MEMORY, solveChallenge } = options;
  const listeners = new Set<() => void>();
  const timers: { look: Cancel; boundary: Cancel; sync: Cancel } = {
    look: NOTHING_TO_CANCEL,
    boundary: NOTHING_TO_CANCEL,
    sync: NOTHING_TO_CANCEL,
  };
  let state: SaleState = INITIAL_STATE;
  let saved = memory.read();
  let freshForMs = 0;
  let looking = false;
  let syncedFor: number | undefined;
  let stopped = false;

  const purchase = createPurchase({
    gateway,
    platform,
    now: clock.now,
    onAttempt: (attempt) => {
      const { attempt: _previous, ...rest } = saved;
      remember(attempt === undefined ? rest : { ...rest, attempt });
    },
    onRetry: (refusal) => dispatch({ type: "retrying", refusal }),
    ...(saved.attempt === undefined ? {} : { attempt: saved.attempt }),
    ...(solveChallenge === undefined ? {} : { solveChallenge }),
  });

  function remember(next: typeof saved): void {
    saved = next;
    memory.write(next);
  }

  function dispatch(event: SaleEvent): void {
    if (stopped) return;
    const before = state;
    state = reduceSale(state, event);
    if (state.order !== before.order) {
      const { order: _order, orderRound: _round, ...rest } = saved;
      const round = state.orderRound === undefined ? {} : { orderRound: state.orderRound };
      remember(state.order === undefined ? rest : { ...rest, order: state.order, ...round });
    }
    changed();
  }

  function changed(): void {
    planLook();
    timePassed();
  }

  /** Time alone changed the phase, or the clock was set: a look that is planned already stays planned. */
  function timePassed(): void {
    if (timers.look === NOTHING_TO_CANCEL) planLook();
    planBoundary();
    planLastSync();
    for (const listener of listeners) listener();
  }

  function planLook(): void {
    timers.look();
    timers.look = NOTHING_TO_CANCEL;
    // A look under way plans the next one when it ends; a hidden page does not look, and does when it is seen again.
    if (stopped || looking || !platform.isVisible()) return;
    const next = decideNextLook(state, clock.now(), freshForMs, platform.random());
    if (next === undefined) return;
    timers.look = platform.startTimer(next.delayMs, () => {
      timers.look = NOTHING_TO_CANCEL;
      void look(next);
    });
  }

  function planBoundary(): void {
    timers.boundary();
    const now = clock.now();
    const boundary = now === undefined ? undefined : nextBoundary(state, now);
    timers.boundary =
      boundary === undefined || now === undefined ? NOTHING_TO_CANCEL : platform.startTimer(boundary - now, timePassed);
  }

  function planLastSync(): void {
    const now = clock.now();
    const opensAt = state.product?.opensAt;
    if (now === undefined || opensAt === undefined || opensAt === syncedFor) return;
    timers.sync();
    syncedFor = opensAt;
    const leadMs = LAST_SYNC_LATEST_MS + platform.random() * (LAST_SYNC_EARLIEST_MS - LAST_SYNC_LATEST_MS);
    if (opensAt - leadMs > now) {
      timers.sync = platform.startTimer(opensAt - leadMs - now, () => void clock.synchronise());
    }
  }

  async function look(at: { readonly product: boolean; readonly order: boolean }): Promise<void> {
    if (looking || stopped) return;
    looking = true;
    try {
      const product = at.product ? lookAtProduct() : undefined;
      await Promise.all([product, at.order ? lookAtOrder(product) : undefined]);
    } finally {
      looking = false;
      planLook();
    }
  }

  async function lookAtProduct(): Promise<void> {
    const outcome = await gateway.product(productId);
    if (outcome.code !== "ok") return dispatch({ type: "look-failed", refusal: outcome, now: clock.now() });
    freshForMs = outcome.freshForMs;
    dispatch({ type: "product-seen", product: outcome.value });
  }

  /** `product`: the look at the product that is under way, if there is one. */
  async function lookAtOrder(product: Promise<void> | undefined): Promise<void> {
    const asked = state.order;
    if (asked === undefined) return;
    const outcome = await gateway.order(asked);
    // A cancellation or a new purchase was quicker: its answer is newer than this one.
    const isOvertaken = () => state.order !== asked || state.activity !== "idle";
    if (isOvertaken()) return;
    // Nobody looked at the sale while the hold ran, and what is said of an order's end depends on it.
    if (outcome.code === "ok" && isOrderOver(outcome.value) && !isOrderOver(asked)) {
      await (product ?? lookAtProduct());
      if (isOvertaken()) return;
    }
    if (outcome.code === "ok") dispatch({ type: "order-seen", order: outcome.value });
    else if (outcome.code === "not-found") dispatch({ type: "order-missing" });
    else dispatch({ type: "look-failed", refusal: outcome, now: clock.now() });
  }

  async function send(quantity: number): Promise<void> {
    const { product } = state;
    if (product === undefined) return;
    dispatch({ type: "buy" });
    const outcome = await purchase.buy(product, quantity);
    if (outcome.code === "ok") return dispatch({ type: "bought", order: outcome.value });
    return outcome.code === "hold-open" ? takeUp(outcome) : refuse(outcome);
  }

  /** The buyer has an open order, of another page or device: that order is what he wants to see. */
  async function takeUp(refusal: Refusal & { readonly statusUrl?: string }): Promise<void> {
    const { statusUrl } = refusal;
    const found = statusUrl === undefined ? undefined : await gateway.order({ statusUrl });
    if (found?.code === "ok" && found.value.status === "held") return dispatch({ type: "bought", order: found.value });
    return refuse(refusal);
  }

  async function cancel(): Promise<void> {
    const { order } = state;
    if (order === undefined || !canCancel(state, clock.now())) return;
    dispatch({ type: "cancel" });
    for (let repeats = 0; ; repeats += 1) {
      const outcome = await gateway.cancel(order);
      if (outcome.code === "ok") return dispatch({ type: "order-seen", order: outcome.value });
      const delayMs = decideRetry(outcome, repeats, clock.now(), platform.random());
      if (delayMs === undefined) {
        refuse(outcome);
        return look({ product: false, order: true });
      }
      dispatch({ type: "retrying", refusal: outcome });
      await pause(platform, delayMs);
    }
  }

  function refuse(refusal: Refusal): void {
    // The gateway's clock and this one disagree, or the opening was moved: ask it again.
    if (refusal.code === "too-early") void clock.synchronise();
    dispatch({ type: "refused", refusal, now: clock.now() });
  }

  async function begin(): Promise<void> {
    if (saved.order !== undefined) {
      const round = saved.orderRound;
      state = { ...state, order: saved.order, ...(round === undefined ? {} : { orderRound: round }) };
      changed();
    }
    await look({ product: true, order: saved.order !== undefined });
    // Of a purchase that was cut off only its token knows what came of it.
    if (purchase.isFateUnknown() && state.order === undefined && !stopped) await send(saved.attempt?.quantity ?? 1);
  }

  let hadTime = false;
  const cancelClock = clock.onChange(() => {
    // Before the first sample no moment was known to plan by.
    if (hadTime) timePassed();
    else changed();
    hadTime = true;
  });
  const cancelVisibility = platform.onVisibilityChange(() => {
    if (!platform.isVisible()) return planLook();
    if (state.activity === "idle") void look({ product: true, order: state.order !== undefined });
  });
  void begin();

  return {
    state: () => state,
    phase: () => phaseOf(state, clock.now()),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    buy: async (quantity = 1) => {
      if (canBuy(state, clock.now())) await send(quantity);
    },
    cancel,
    stop: () => {
      stopped = true;
      for (const end of [timers.look, timers.boundary, timers.sync, cancelClock, cancelVisibility]) end();
      listeners.clear();
    },
  };
}
