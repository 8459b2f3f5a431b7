/**
 * How often an open sale page asks the gateway, by the page's own rule (client/pace.ts): the mean time between two looks.
 */
import { decideNextLook } from "../../client/pace.ts";
import type { Order, Product, ProductState } from "../../client/documents.ts";

/** The page spreads its looks evenly; its mean is that of the middle. */
const MIDDLE = 0.5;
/** A product's answer is good for so long (`Cache-Control: max-age=1`). Milliseconds. */
const FRESH_FOR_MS = 1000;
/** Far from any boundary, so that none draws a look near. */
const FAR_MS = 3_600_000;

const PRODUCT: Product = {
  id: "planned",
  title: "",
  price: 1,
  currency: "USD",
  round: 1,
  state: "open",
  opensAt: -FAR_MS,
  closesAt: FAR_MS,
  perBuyerLimit: 1,
  holdSeconds: FAR_MS / 1000,
  challenges: [],
};
const ORDER: Order = {
  orderId: "planned",
  status: "held",
  quantity: 1,
  holdExpiresAt: FAR_MS,
  delivered: false,
  statusUrl: "/planned",
};

/** Milliseconds between two looks at a product in this state, on average. */
export function productPaceMs(state: ProductState): number {
  const opensAt = state === "upcoming" ? FAR_MS : PRODUCT.opensAt;
  const product: Product = { ...PRODUCT, state, opensAt };
  return decideNextLook({ activity: "idle", product }, 0, FRESH_FOR_MS, MIDDLE)?.delayMs ?? Number.POSITIVE_INFINITY;
}

/** Milliseconds between two looks at an order while its hold runs, on average. */
export function orderPaceMs(): number {
  const state = { activity: "idle", product: PRODUCT, order: ORDER } as const;
  return decideNextLook(state, 0, FRESH_FOR_MS, MIDDLE)?.delayMs ?? Number.POSITIVE_INFINITY;
}
