/**
 * Every way in which the gateway says no, and what a client sees of it.
 *
 * One union, tagged by `code`, and one table from code to problem details (RFC 9457). The table has an entry per code,
 * so that a new refusal does not compile until someone has decided what a client may see. A code never changes meaning.
 * Nothing here knows hono, a stage or a Durable Object: both sides of the gateway refuse with these values.
 */

/** Where a request's body, query or headers are wrong: `path` is dotted, as in `items.0.quantity`. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export type OrderStatus = "held" | "paid" | "cancelled" | "expired" | "refund_due";

/** What the limits say of themselves in a response (IETF draft-ietf-httpapi-ratelimit-headers, structured fields). */
export type RateLimitFields = {
  readonly rateLimit?: string;
  readonly rateLimitPolicy?: string;
};

export type Refusal =
  | { readonly code: "invalid-request"; readonly errors: readonly FieldError[] }
  | { readonly code: "identity-required" }
  | { readonly code: "identity-invalid" }
  /** `fault`: what is wrong with the proof that was sent; absent where none was. */
  | { readonly code: "proof-required"; readonly fault?: string }
  | { readonly code: "admin-required" }
  | { readonly code: "signature-invalid" }
  /** `challenge`: what to solve; its `kind` says how. */
  | { readonly code: "challenge-required"; readonly challenge: Readonly<Record<string, unknown>> }
  | { readonly code: "challenge-failed" }
  | { readonly code: "not-eligible" }
  | { readonly code: "token-invalid" }
  | { readonly code: "token-expired" }
  | { readonly code: "gate-invalid" }
  | { readonly code: "not-found" }
  | { readonly code: "method-not-allowed"; readonly allow: readonly string[] }
  /** The buyer's open hold that has to end before another may begin. */
  | {
      readonly code: "hold-open";
      readonly productId: string;
      readonly orderId: string;
      readonly retryAfterSeconds: number;
    }
  | { readonly code: "buyer-limit"; readonly perBuyerLimit: number }
  /** Everything that is left is held. `nextReleaseAt`: when the next hold's time is over, ms since the epoch. */
  | { readonly code: "held-out"; readonly nextReleaseAt: number; readonly retryAfterSeconds: number }
  /** `status`: of the order, or the state of the round, that does not allow the step. */
  | { readonly code: "wrong-state"; readonly status: string; readonly detail?: string }
  /** `available`: units that are left, fewer than were asked for; usually none. */
  | { readonly code: "sold-out"; readonly available: number }
  | { readonly code: "round-closed" }
  | { readonly code: "payload-too-large"; readonly limitBytes: number }
  | { readonly code: "token-mismatch" }
  | { readonly code: "too-early"; readonly opensAt: number; readonly retryAfterSeconds: number }
  | ({ readonly code: "rate-limited"; readonly retryAfterSeconds: number } & RateLimitFields)
  | { readonly code: "hoarding"; readonly retryAfterSeconds: number }
  | { readonly code: "limiter-unavailable"; readonly retryAfterSeconds: number }
  | { readonly code: "overloaded"; readonly retryAfterSeconds: number; readonly detail?: string }
  | { readonly code: "paused"; readonly retryAfterSeconds: number };

export type RefusalCode = Refusal["code"];
export type RefusalOf<Code extends RefusalCode> = Extract<Refusal, { readonly code: Code }>;

/** How a refusal is told: its status, its words, the fields beside them, and its headers. */
interface Telling<Code extends RefusalCode> {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** For the page behind `type`: what a client does about it. */
  readonly advice: string;
  readonly fields?: (refusal: RefusalOf<Code>) => Readonly<Record<string, unknown>>;
  readonly headers?: (refusal: RefusalOf<Code>) => Readonly<Record<string, string>>;
}

function retryAfter(refusal: { readonly retryAfterSeconds: number }): { readonly "Retry-After": string } {
  return { "Retry-After": String(refusal.retryAfterSeconds) };
}

export const REFUSALS: { readonly [Code in RefusalCode]: Telling<Code> } = {
  "invalid-request": {
    status: 400,
    title: "Invalid request",
    detail: "The request does not have the shape that this call takes",
    advice: "Mend what `errors` names and send it again. Unknown body keys are refused as well.",
    fields: ({ errors }) => ({ errors }),
  },
  "identity-required": {
    status: 401,
    title: "Identity required",
    detail: "This call needs the merchant's JWT as Authorization: Bearer",
    advice: "Sign in at the shop and send its JWT.",
    headers: () => ({ "WWW-Authenticate": "Bearer" }),
  },
  "identity-invalid": {
    status: 401,
    title: "Identity invalid",
    detail: "The merchant's JWT was not accepted",
    advice:
      "Get a fresh JWT from the shop: this one is expired, of another issuer or audience, or not signed by the shop.",
    headers: () => ({ "WWW-Authenticate": 'Bearer error="invalid_token"' }),
  },
  "proof-required": {
    status: 401,
    title: "Proof of possession required",
    detail:
      "This call needs a DPoP header (RFC 9449) with a fresh proof by the key that the purchase token is bound to",
    advice:
      "Sign a proof for this very call: ES256, typ dpop+jwt, the public key as jwk; jti, htm, htu, iat by the gateway's clock (GET /v1/time), and at the checkout ath.",
    fields: ({ fault }) => (fault === undefined ? {} : { fault }),
    headers: ({ fault }) => ({
      "WWW-Authenticate": `DPoP ${fault === undefined ? "" : 'error="invalid_dpop_proof", '}algs="ES256"`,
    }),
  },
  "admin-required": {
    status: 401,
    title: "Operator's token required",
    detail: "This call needs the operator's token as Authorization: Bearer",
    advice: "Send ADMIN_TOKEN as a bearer token.",
    headers: () => ({ "WWW-Authenticate": "Bearer" }),
  },
  "signature-invalid": {
    status: 401,
    title: "Signature invalid",
    detail: "The webhook's signature, timestamp or id was not accepted",
    advice: "Sign the raw body as Standard Webhooks 1.0.0 says, with a current secret and a clock within five minutes.",
  },
  "challenge-required": {
    status: 403,
    title: "Challenge required",
    detail: "A challenge stands before this purchase token",
    advice: "Solve what `challenge` says, and send the answer in the body's `challenge`.",
    fields: ({ challenge }) => ({ challenge }),
  },
  "challenge-failed": {
    status: 403,
    title: "Challenge failed",
    detail: "The answer to the challenge was not accepted",
    advice:
      "Ask again for a challenge: an answer is good once, for one buyer, product and round, and for a short time.",
  },
  "not-eligible": {
    status: 403,
    title: "Not eligible",
    detail: "This sale is not open to this request",
    advice: "Ask the shop who may take part.",
  },
  "token-invalid": {
    status: 403,
    title: "Purchase token invalid",
    detail: "The purchase token was not accepted for this checkout",
    advice: "Ask for a purchase token for this product and round.",
  },
  "token-expired": {
    status: 403,
    title: "Purchase token expired",
    detail: "The purchase token's time is over",
    advice: "Ask for a new purchase token.",
  },
  "gate-invalid": {
    status: 403,
    title: "Gate invalid",
    detail: "The checkout URL is not this round's",
    advice: "Use the checkoutUrl that came with the purchase token.",
  },
  "not-found": {
    status: 404,
    title: "Not found",
    detail: "There is nothing here",
    advice: "Check the address. Other people's orders are not found either.",
  },
  "method-not-allowed": {
    status: 405,
    title: "Method not allowed",
    detail: "This address does not take that method",
    advice: "Use one of the methods that the Allow header names.",
    headers: ({ allow }) => ({ Allow: allow.join(", ") }),
  },
  "hold-open": {
    status: 409,
    title: "An order is open already",
    detail: "This buyer has an order that waits for its payment; another one may begin when it has ended",
    advice: "Go on with the order at `statusUrl`: pay or cancel it. At Retry-After its time is over.",
    fields: ({ productId, orderId }) => ({ orderId, statusUrl: `/v1/products/${productId}/orders/${orderId}` }),
    headers: retryAfter,
  },
  "buyer-limit": {
    status: 409,
    title: "Buyer's limit reached",
    detail: "This buyer would have more units of this round than one buyer may",
    advice: "Ask for fewer units; units of cancelled and expired orders do not count.",
    fields: ({ perBuyerLimit }) => ({ perBuyerLimit }),
  },
  "held-out": {
    status: 409,
    title: "Everything left is held",
    detail: "Every unit that is left is held; some may come back",
    advice: "Try again after Retry-After: at nextReleaseAt the next hold's time is over, unless it is paid before.",
    fields: ({ nextReleaseAt }) => ({ nextReleaseAt }),
    headers: retryAfter,
  },
  "wrong-state": {
    status: 409,
    title: "Wrong state",
    detail: "The present state does not allow this step",
    advice: "Look at `orderStatus`: it is the state that stands in the way.",
    fields: ({ status }) => ({ orderStatus: status }),
  },
  "sold-out": {
    status: 410,
    title: "Sold out",
    detail: "Nothing of this round is left, or fewer units than were asked for",
    advice: "Nothing that is sold comes back. Where `available` is above zero, a smaller order may still fit.",
    fields: ({ available }) => ({ available }),
  },
  "round-closed": {
    status: 410,
    title: "Round closed",
    detail: "This round of the sale is over",
    advice: "Wait for the next round, if there is one.",
  },
  "payload-too-large": {
    status: 413,
    title: "Payload too large",
    detail: "The body is larger than this call takes",
    advice: "Send at most `limitBytes` bytes.",
    fields: ({ limitBytes }) => ({ limitBytes }),
  },
  "token-mismatch": {
    status: 422,
    title: "Purchase token used with another body",
    detail: "This purchase token was used before with another body",
    advice: "Send the body of the first time to get its order, or ask for a new purchase token.",
  },
  "too-early": {
    status: 425,
    title: "Too early",
    detail: "The round is not open yet",
    advice: "Come back at opensAt by the gateway's clock (GET /v1/time).",
    fields: ({ opensAt }) => ({ opensAt }),
    headers: retryAfter,
  },
  "rate-limited": {
    status: 429,
    title: "Too many requests",
    detail: "A limit on requests is reached",
    advice: "Wait for Retry-After; an earlier request is refused too.",
    headers: (refusal) => ({
      ...retryAfter(refusal),
      ...(refusal.rateLimit === undefined ? {} : { RateLimit: refusal.rateLimit }),
      ...(refusal.rateLimitPolicy === undefined ? {} : { "RateLimit-Policy": refusal.rateLimitPolicy }),
    }),
  },
  hoarding: {
    status: 429,
    title: "Too much was held without being paid",
    detail: "This buyer, or this client's buyers together, held too much without paying for it",
    advice: "Wait for Retry-After. A hold that is paid does not count.",
    headers: retryAfter,
  },
  "limiter-unavailable": {
    status: 503,
    title: "Limiter unavailable",
    detail: "The request cannot be counted at present, and is not let through uncounted",
    advice: "Try again after Retry-After.",
    headers: retryAfter,
  },
  overloaded: {
    status: 503,
    title: "Overloaded",
    detail: "The gateway cannot decide this at present; nothing was changed",
    advice: "Try again after Retry-After, with the same purchase token.",
    headers: retryAfter,
  },
  paused: {
    status: 503,
    title: "Paused",
    detail: "The operator has paused this sale",
    advice: "Try again after Retry-After.",
    headers: retryAfter,
  },
};
