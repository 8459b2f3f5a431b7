/**
 * What the page shows, decided from the sale's state, the gateway's time and a language. Pure: the document is drawn from
 * this by `view.ts`, and nothing there decides.
 */
import type { Order, Product, ProductState } from "../documents.ts";
import type { Refusal } from "../outcome.ts";
import {
  canBuy,
  canCancel,
  isOrderOver,
  type Notice,
  phaseOf,
  phaseOfProduct,
  type SalePhase,
  type SaleState,
  unitsLeftOf,
} from "../sale-state.ts";
import { formatDuration, formatMoment, formatMomentFrom, formatPrice } from "./formats.ts";
import type { Words } from "./words.ts";

/** The colour of a state: nothing may be told by colour alone, the words beside it say the same. */
export type Tone = "wait" | "go" | "stop" | "good";

export interface Screen {
  readonly phase: SalePhase;
  readonly tone: Tone;
  readonly badge: string;
  readonly title: string;
  readonly price: string;
  readonly facts: readonly (readonly [term: string, description: string])[];
  readonly status: string;
  readonly countdown?: {
    readonly kind: "opening" | "hold" | "release" | "closing";
    readonly label: string;
    readonly remainingMs: number;
  };
  /** The share of the hold's time that is left, from 0 to 1. */
  readonly holdShare?: number;
  readonly buy?: {
    readonly label: string;
    readonly enabled: boolean;
    readonly busy: boolean;
    readonly reason: string;
    /** The most that may be chosen. */
    readonly mostUnits: number;
    /** `none`: the round sells one each, or nothing any more; `fixed`: shown, and not to be changed now. */
    readonly choice: "none" | "fixed" | "free";
  };
  readonly notice?: { readonly text: string; readonly wait?: string; readonly reference?: string };
  readonly order?: {
    readonly id: string;
    readonly rows: readonly (readonly [term: string, description: string])[];
    readonly canCancel: boolean;
    readonly payable: boolean;
  };
}

const TONES: Readonly<Record<SalePhase, Tone>> = {
  loading: "wait",
  missing: "stop",
  unreachable: "stop",
  upcoming: "wait",
  open: "go",
  "held-out": "wait",
  "sold-out": "stop",
  paused: "wait",
  closed: "stop",
  buying: "go",
  cancelling: "good",
  held: "good",
  paid: "good",
  cancelled: "stop",
  expired: "stop",
  refund_due: "stop",
};

/** More than this is not offered in one list, whatever the round allows. Units. */
const MOST_UNITS_OFFERED = 10;
/** The end of the sale is counted down only when it is near. Milliseconds. */
const CLOSING_SHOWN_MS = 10 * 60_000;

export function decideScreen(state: SaleState, now: number | undefined, words: Words): Screen {
  const phase = phaseOf(state, now);
  const { product, order } = state;
  const countdown = now === undefined ? undefined : decideCountdown(state, phase, now, words);
  const buy = product === undefined ? undefined : decideBuy(state, product, now, words);
  const held = order?.status === "held" && now !== undefined ? order.holdExpiresAt - now : undefined;
  const notice = state.notice === undefined ? undefined : decideNotice(state, state.notice, now, words);
  return {
    phase,
    tone: TONES[phase],
    badge: words.badge[phase],
    title: product?.title ?? words.badge[phase],
    price: product === undefined ? "" : formatPrice(words.locale, product.price, product.currency),
    facts: product === undefined ? [] : decideFacts(product, words),
    status: held !== undefined && held <= 0 ? words.holdOver : decideStatus(state, phase, now, words),
    ...(countdown === undefined ? {} : { countdown }),
    ...(held === undefined || product === undefined ? {} : { holdShare: share(held, product.holdSeconds * 1000) }),
    ...(buy === undefined ? {} : { buy }),
    ...(notice === undefined ? {} : { notice }),
    ...(order === undefined ? {} : { order: decideOrder(state, order, now, words) }),
  };
}

/** The phase in a sentence; of an order that is over also what became of the sale meanwhile. */
function decideStatus(state: SaleState, phase: SalePhase, now: number | undefined, words: Words): string {
  const { product, order } = state;
  if (product === undefined || order === undefined || order.status !== phase || !isOrderOver(order)) {
    return words.status[phase];
  }
  const sale = phaseOfProduct(product, now);
  const then = sale === "open" ? words.backOnSale(order.quantity) : words.status[sale];
  return [words.status[phase], then].join(words.betweenSentences);
}

function share(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.min(Math.max(part / whole, 0), 1);
}

function decideFacts(product: Product, words: Words): Screen["facts"] {
  return [
    [words.opensAt, formatMoment(words.locale, product.opensAt)],
    [words.closesAt, formatMoment(words.locale, product.closesAt)],
    [words.perBuyer, new Intl.NumberFormat(words.locale).format(product.perBuyerLimit)],
    [words.holdTime, formatDuration(words.locale, product.holdSeconds)],
  ];
}

function decideCountdown(state: SaleState, phase: SalePhase, now: number, words: Words): Screen["countdown"] {
  const { product, order } = state;
  if (order?.status === "held") {
    return { kind: "hold", label: words.holdLeft, remainingMs: Math.max(order.holdExpiresAt - now, 0) };
  }
  if (product === undefined) return undefined;
  if (phase === "upcoming" || (phase === "paused" && now < product.opensAt)) {
    return { kind: "opening", label: words.opensIn, remainingMs: product.opensAt - now };
  }
  if (phase === "held-out" && state.nextReleaseAt !== undefined && state.nextReleaseAt > now) {
    return { kind: "release", label: words.releaseIn, remainingMs: state.nextReleaseAt - now };
  }
  if (phase === "open" && product.closesAt - now <= CLOSING_SHOWN_MS) {
    return { kind: "closing", label: words.closesIn, remainingMs: product.closesAt - now };
  }
  return undefined;
}

/** The button, unless an order stands in its place. */
function decideBuy(state: SaleState, product: Product, now: number | undefined, words: Words): Screen["buy"] {
  const { order, notice } = state;
  const busy = state.activity === "buying";
  if (order !== undefined && !isOrderOver(order) && !busy) return undefined;
  const sale = phaseOfProduct(product, now);
  const enabled = canBuy(state, now);
  const wait = waitOf(notice, now);
  const ready = order === undefined ? words.buy : words.buyAgain;
  const reason = busy ? words.reason.busy : decideReason(product, sale, now, wait, words);
  return {
    label: busy ? words.buying : decideLabel(sale, ready, words),
    enabled,
    busy,
    reason,
    mostUnits: Math.min(product.perBuyerLimit, MOST_UNITS_OFFERED, state.unitsLeft ?? MOST_UNITS_OFFERED),
    choice: decideChoice(product, sale, busy),
  };
}

/** What is over may begin again, but there is nothing to choose until then. */
function decideChoice({ perBuyerLimit }: Product, sale: ProductState, busy: boolean): "none" | "fixed" | "free" {
  if (perBuyerLimit <= 1 || isOver(sale)) return "none";
  return busy || sale === "paused" ? "fixed" : "free";
}

/** Does not pass by waiting, unlike the rest. */
function isOver(sale: ProductState): sale is "sold-out" | "closed" {
  return sale === "sold-out" || sale === "closed";
}

/** `ready`: the label of a button that may be pressed. */
function decideLabel(sale: ProductState, ready: string, words: Words): string {
  if (sale === "open") return ready;
  if (sale === "upcoming") return words.notOpen;
  return isOver(sale) ? words.badge[sale] : words.unavailable;
}

/** Why the button is as it is; empty where the status says it already. */
function decideReason(
  product: Product,
  sale: ProductState,
  now: number | undefined,
  wait: number | undefined,
  words: Words,
): string {
  if (sale === "upcoming") return words.reason.upcoming(formatMomentFrom(words.locale, product.opensAt, now));
  if (sale === "held-out" || sale === "paused") return words.reason.again;
  if (sale !== "open") return "";
  if (wait !== undefined) return words.reason.waiting(formatDuration(words.locale, wait));
  return words.reason.open(formatDuration(words.locale, product.holdSeconds));
}

/**
 * Whole seconds until a notice's Retry-After is over, rounded up. Never more than the gateway said: what is known of its time gets
 * better meanwhile, and may go back by some milliseconds.
 */
function waitOf(notice: Notice | undefined, now: number | undefined): number | undefined {
  if (notice?.retryAt === undefined || now === undefined || notice.retryAt <= now) return undefined;
  const told = notice.refusal.retryAfterMs ?? Number.POSITIVE_INFINITY;
  return Math.ceil(Math.min(notice.retryAt - now, told) / 1000);
}

function decideNotice(state: SaleState, notice: Notice, now: number | undefined, words: Words): Screen["notice"] {
  const { refusal } = notice;
  if (state.activity !== "idle") return { text: words.retrying };
  const wait = waitOf(notice, now);
  return {
    text: decideRefusalText(refusal, words),
    ...(wait === undefined ? {} : { wait: words.retryIn(formatDuration(words.locale, wait)) }),
    ...(refusal.requestId === undefined ? {} : { reference: words.reference(refusal.requestId) }),
  };
}

function decideRefusalText(refusal: Refusal, words: Words): string {
  const left = unitsLeftOf(refusal);
  if (left !== undefined) return words.fewerLeft(left);
  if (refusal.code !== "buyer-limit" || refusal.perBuyerLimit === undefined) return words.refusal[refusal.code];
  return words.buyerLimit(refusal.perBuyerLimit);
}

function decideOrder(state: SaleState, order: Order, now: number | undefined, words: Words): Screen["order"] & object {
  return {
    id: order.orderId,
    rows: [
      [words.orderStatus, words.orderStatusWord[order.status]],
      [words.quantity, new Intl.NumberFormat(words.locale).format(order.quantity)],
      [words.received, order.delivered ? words.receivedYes : words.receivedNotYet],
    ],
    canCancel: canCancel(state, now),
    payable: order.status === "held" && (now === undefined || now < order.holdExpiresAt),
  };
}
