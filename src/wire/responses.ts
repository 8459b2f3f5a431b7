/** The bodies that the gateway answers with: for the OpenAPI document, and for tests that hold answers against it. */
import * as v from "valibot";
import type { OrderView } from "../../durable-objects/product/protocol.ts";

const units = v.pipe(v.number(), v.integer(), v.minValue(0));
const at = v.pipe(v.number(), v.integer(), v.description("Milliseconds since the epoch"));
const orderStatus = v.picklist(["held", "paid", "cancelled", "expired", "refund_due"]);

export const timeResponse = v.strictObject({
  now: at,
  jws: v.optional(v.pipe(v.string(), v.description("With ?signed: a JWT (ES256) with now, iat, iss and aud"))),
});

const rules = {
  title: v.string(),
  price: v.pipe(v.number(), v.description("In the currency's minor unit")),
  currency: v.pipe(v.string(), v.description("ISO 4217")),
  opensAt: at,
  closesAt: at,
  perBuyerLimit: units,
  holdSeconds: units,
  challenges: v.array(v.string()),
};

const roundState = v.picklist(["upcoming", "open", "held-out", "sold-out", "paused", "closed"]);

export const productResponse = v.strictObject({
  id: v.string(),
  round: units,
  state: roundState,
  ...rules,
  binding: v.optional(v.pipe(v.literal("dpop"), v.description("Token and checkout need a proof in a DPoP header"))),
  tokenUrl: v.optional(v.pipe(v.string(), v.description("Only while it may be used"))),
});

export const tokenResponse = v.strictObject({ token: v.string(), expiresAt: at, checkoutUrl: v.string() });

export const holdResponse = v.strictObject({
  orderId: v.string(),
  status: v.literal("held"),
  quantity: units,
  holdExpiresAt: at,
  statusUrl: v.string(),
});

const order = {
  orderId: v.string(),
  productId: v.string(),
  round: units,
  status: orderStatus,
  quantity: units,
  holdExpiresAt: at,
  createdAt: at,
  updatedAt: at,
  delivered: v.pipe(v.boolean(), v.description("Whether Postgres has everything that happened to the order so far")),
};

export const orderResponse = v.strictObject(order);

export const replayedHoldResponse = v.strictObject({ ...order, statusUrl: v.string() });

/** For the origin and operators: with buyer and payment. */
export const originOrderResponse = v.strictObject({ ...order, buyerId: v.string(), paymentId: v.nullable(v.string()) });

export const productDocumentResponse = v.strictObject({
  id: v.string(),
  round: units,
  state: roundState,
  ...rules,
  paused: v.boolean(),
  stockSource: v.picklist(["operator", "origin"]),
  version: units,
  allocated: units,
  available: units,
  held: units,
  paid: units,
  withdrawn: units,
  orders: v.strictObject({ held: units, paid: units, cancelled: units, expired: units, refundDue: units }),
  outbox: v.strictObject({ pending: units, oldestAt: v.nullable(at) }),
});

export const auditResponse = v.strictObject({
  entries: v.array(v.strictObject({ at, requestId: v.string(), action: v.string(), detail: v.unknown() })),
});

export const deadLettersResponse = v.strictObject({
  deadLetters: v.array(
    v.strictObject({
      eventId: v.string(),
      productId: v.nullable(v.string()),
      reason: v.string(),
      attempts: units,
      firstFailedAt: at,
      lastFailedAt: at,
      replayedAt: v.nullable(at),
      body: v.unknown(),
    }),
  ),
});

export const replayResponse = v.strictObject({ eventId: v.string(), replayedAt: at });

export const healthResponse = v.strictObject({ ok: v.literal(true) });

export const jwksResponse = v.strictObject({ keys: v.array(v.record(v.string(), v.string())) });

export const problemResponse = v.looseObject({
  type: v.string(),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  code: v.string(),
  detail: v.string(),
});

/** An order as its buyer sees it. */
export function publicOrder(view: OrderView): v.InferOutput<typeof orderResponse> {
  const { orderId, productId, round, status, quantity, holdExpiresAt, createdAt, updatedAt, delivered } = view;
  return { orderId, productId, round, status, quantity, holdExpiresAt, createdAt, updatedAt, delivered };
}

/** An order as the origin sees it. */
export function originOrder(view: OrderView): v.InferOutput<typeof originOrderResponse> {
  return { ...publicOrder(view), buyerId: view.buyerId, paymentId: view.paymentId };
}
