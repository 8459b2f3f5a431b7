/**
 * The gateway's documents as a browser sees them, and the way from JSON to them.
 *
 * Times are milliseconds since the epoch by the gateway's clock. Fields that this library does not know are left out,
 * so that a newer gateway does not break an older page; a document that lacks a known field is no document.
 */

export const PRODUCT_STATES = ["upcoming", "open", "held-out", "sold-out", "paused", "closed"] as const;
export type ProductState = (typeof PRODUCT_STATES)[number];

export const ORDER_STATUSES = ["held", "paid", "cancelled", "expired", "refund_due"] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

export interface Product {
  readonly id: string;
  readonly title: string;
  /** In the currency's minor unit. */
  readonly price: number;
  /** ISO 4217. */
  readonly currency: string;
  readonly round: number;
  readonly state: ProductState;
  readonly opensAt: number;
  readonly closesAt: number;
  readonly perBuyerLimit: number;
  readonly holdSeconds: number;
  readonly challenges: readonly string[];
  /** Purchase tokens are bound to a key of the browser; only there where they are. */
  readonly binding?: "dpop";
  /** Where purchase tokens are issued; only there while it may be used. */
  readonly tokenUrl?: string;
}

/** The one-time right of one buyer to one checkout. It is a secret of this page. */
export interface PurchaseToken {
  readonly token: string;
  readonly expiresAt: number;
  readonly checkoutUrl: string;
}

export interface Order {
  readonly orderId: string;
  readonly status: OrderStatus;
  readonly quantity: number;
  readonly holdExpiresAt: number;
  /** Whether the shop's own database has the order as it is now. */
  readonly delivered: boolean;
  readonly statusUrl: string;
}

type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isOneOf<Choice extends string>(choices: readonly Choice[], value: unknown): value is Choice {
  return choices.some((choice) => choice === value);
}

/** A path of the gateway's own API. Anything else is not followed: a token must not travel to another origin. */
export function isApiPath(value: unknown): value is string {
  return isText(value) && value.startsWith("/v1/");
}

export function parseTime(value: unknown): number | undefined {
  return isFields(value) && isNumber(value["now"]) ? value["now"] : undefined;
}

export function parseProduct(value: unknown): Product | undefined {
  if (!isFields(value)) return undefined;
  const { id, title, price, currency, round, state, opensAt, closesAt, perBuyerLimit, holdSeconds } = value;
  const { challenges, binding, tokenUrl } = value;
  if (!isText(id) || !isText(title) || !isText(currency) || !isOneOf(PRODUCT_STATES, state)) return undefined;
  if (!isNumber(price) || !isNumber(round) || !isNumber(opensAt) || !isNumber(closesAt)) return undefined;
  if (!isNumber(perBuyerLimit) || !isNumber(holdSeconds)) return undefined;
  return {
    id,
    title,
    price,
    currency,
    round,
    state,
    opensAt,
    closesAt,
    perBuyerLimit,
    holdSeconds,
    challenges: Array.isArray(challenges) ? challenges.filter(isText) : [],
    ...(binding === "dpop" ? { binding } : {}),
    ...(isApiPath(tokenUrl) ? { tokenUrl } : {}),
  };
}

export function parsePurchaseToken(value: unknown): PurchaseToken | undefined {
  if (!isFields(value)) return undefined;
  const { token, expiresAt, checkoutUrl } = value;
  if (!isText(token) || !isNumber(expiresAt) || !isApiPath(checkoutUrl)) return undefined;
  return { token, expiresAt, checkoutUrl };
}

/** `fallbackStatusUrl`: where the order's status is, for documents that do not say it themselves. */
export function parseOrder(value: unknown, fallbackStatusUrl: (orderId: string) => string): Order | undefined {
  if (!isFields(value)) return undefined;
  const { orderId, status, quantity, holdExpiresAt, delivered, statusUrl } = value;
  if (!isText(orderId) || !isOneOf(ORDER_STATUSES, status)) return undefined;
  if (!isNumber(quantity) || !isNumber(holdExpiresAt)) return undefined;
  return {
    orderId,
    status,
    quantity,
    holdExpiresAt,
    delivered: delivered === true,
    statusUrl: isApiPath(statusUrl) ? statusUrl : fallbackStatusUrl(orderId),
  };
}
