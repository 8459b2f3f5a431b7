/** Valid documents, from which a test changes one field at a time. */
import type { Order, Product } from "../../client/documents.ts";
import { networkRefusal, parseRefusal, type Refusal, type RefusalCode } from "../../client/outcome.ts";
import { GATEWAY_START } from "./fake-surroundings.ts";

export const PRODUCT: Product = {
  id: "demo",
  title: "Trail lamp",
  price: 1999,
  currency: "EUR",
  round: 1,
  state: "open",
  opensAt: GATEWAY_START - 60_000,
  closesAt: GATEWAY_START + 3_600_000,
  perBuyerLimit: 2,
  holdSeconds: 300,
  challenges: [],
  tokenUrl: "/v1/products/demo/tokens",
};

export const ORDER: Order = {
  orderId: "ord_1",
  status: "held",
  quantity: 1,
  holdExpiresAt: GATEWAY_START + 300_000,
  delivered: false,
  statusUrl: "/v1/products/demo/orders/ord_1",
};

export const TOKEN = {
  token: "token-1",
  expiresAt: GATEWAY_START + 120_000,
  checkoutUrl: "/v1/products/demo/checkout/gate",
};

export const TOKENS = "POST /v1/products/demo/tokens";
export const CHECKOUT = "POST /v1/products/demo/checkout/gate";
export const LOOK = "GET /v1/products/demo";
export const STATUS = "GET /v1/products/demo/orders/ord_1";
export const CANCEL = "POST /v1/products/demo/orders/ord_1/cancel";

/** A refusal as it comes out of a response with these fields. */
export function refusal(
  code: RefusalCode,
  fields: Readonly<Record<string, unknown>> & { readonly httpStatus?: number; readonly retryAfterMs?: number } = {},
): Refusal {
  if (code === "network") return networkRefusal("No answer arrived");
  const { httpStatus = 400, retryAfterMs, ...others } = fields;
  const headers = retryAfterMs === undefined ? {} : { "Retry-After": String(retryAfterMs / 1000) };
  return parseRefusal(new Response(null, { status: httpStatus, headers }), { ...others, code });
}
