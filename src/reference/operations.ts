/** Every call that the gateway takes: what goes in, what comes out, and which refusals it may give. */
import type * as v from "valibot";
import * as control from "../control/wire.ts";
import type { RefusalCode } from "../refusal.ts";
import * as requests from "../wire/requests.ts";
import * as responses from "../wire/responses.ts";

type Security = "identity" | "operator" | "webhook";

interface QueryParameter {
  readonly name: string;
  readonly description: string;
  /** Whether its name alone says all. @default false */
  readonly isFlag?: boolean;
}

export interface Operation {
  readonly method: "get" | "post" | "put" | "delete";
  readonly path: string;
  readonly summary: string;
  readonly security?: Security;
  readonly header?: { readonly name: string; readonly description: string };
  /** Whether it takes a proof of possession. */
  readonly isProven?: boolean;
  readonly query?: readonly QueryParameter[];
  readonly body?: v.GenericSchema;
  readonly answers: Readonly<Record<number, { readonly description: string; readonly schema?: v.GenericSchema }>>;
  readonly refusals: readonly RefusalCode[];
}

/** Of every call for buyers: whoever is on a deny list, and whoever comes too often. */
const KEPT_OUT = ["not-eligible", "rate-limited", "limiter-unavailable"] as const satisfies readonly RefusalCode[];
const SALE = [
  "too-early",
  "round-closed",
  "paused",
  "sold-out",
  "held-out",
  "overloaded",
] as const satisfies readonly RefusalCode[];
const IDENTITY = ["identity-required", "identity-invalid", "overloaded"] as const satisfies readonly RefusalCode[];
const OPERATOR = ["admin-required", "overloaded"] as const satisfies readonly RefusalCode[];
const CHALLENGE = ["challenge-required", "challenge-failed"] as const satisfies readonly RefusalCode[];
const BODY = ["invalid-request", "payload-too-large"] as const satisfies readonly RefusalCode[];
const CALLBACK = ["signature-invalid", "not-found", "wrong-state", "overloaded", ...BODY] as const;

const document = { description: "The product's document", schema: responses.productDocumentResponse };

export const OPERATIONS: readonly Operation[] = [
  {
    method: "get",
    path: "/v1/time",
    summary: "The gateway's clock",
    query: [
      {
        name: "signed",
        description: "Adds a JWT that third parties can verify with /.well-known/jwks.json",
        isFlag: true,
      },
    ],
    answers: { 200: { description: "Now", schema: responses.timeResponse } },
    refusals: [],
  },
  {
    method: "get",
    path: "/v1/products/{id}",
    summary: "A product and the state of its round",
    answers: {
      200: { description: "The product, cacheable for a second", schema: responses.productResponse },
      304: { description: "Nothing has changed since the ETag of If-None-Match" },
    },
    refusals: ["not-found", "overloaded", ...KEPT_OUT],
  },
  {
    method: "post",
    path: "/v1/products/{id}/tokens",
    summary: "A one-time purchase token for the buyer",
    security: "identity",
    query: [{ name: "lang", description: "In which language a question is put: en or zh" }],
    isProven: true,
    body: requests.tokenRequest,
    answers: { 201: { description: "The token and where to use it", schema: responses.tokenResponse } },
    refusals: ["proof-required", "not-found", ...SALE, ...IDENTITY, ...KEPT_OUT, ...CHALLENGE, ...BODY],
  },
  {
    method: "post",
    path: "/v1/products/{id}/checkout/{gate}",
    summary: "Sets stock aside for an order: once per purchase token",
    header: { name: "Purchase-Token", description: "The purchase token" },
    isProven: true,
    body: requests.checkoutRequest,
    answers: {
      200: {
        description: "The order that the same token made before (Idempotency-Replayed: true)",
        schema: responses.replayedHoldResponse,
      },
      202: { description: "Held; durable from now on", schema: responses.holdResponse },
    },
    refusals: [
      "not-found",
      "gate-invalid",
      "proof-required",
      "hold-open",
      "hoarding",
      "token-invalid",
      "token-expired",
      "token-mismatch",
      "buyer-limit",
      ...SALE,
      ...KEPT_OUT,
      ...BODY,
    ],
  },
  {
    method: "get",
    path: "/v1/products/{id}/orders/{orderId}",
    summary: "An order, for its buyer",
    security: "identity",
    answers: { 200: { description: "The order as it is now", schema: responses.orderResponse } },
    refusals: ["not-found", ...IDENTITY, ...KEPT_OUT],
  },
  {
    method: "post",
    path: "/v1/products/{id}/orders/{orderId}/cancel",
    summary: "The buyer gives a hold up; repeating is harmless",
    security: "identity",
    body: requests.emptyRequest,
    answers: { 200: { description: "The order as it is now", schema: responses.orderResponse } },
    refusals: ["not-found", "wrong-state", ...IDENTITY, ...KEPT_OUT, ...BODY],
  },
  {
    method: "post",
    path: "/v1/origin/products/{id}/orders/{orderId}/payment",
    summary: "The origin: money came for an order",
    security: "webhook",
    body: requests.paymentRequest,
    answers: { 200: { description: "The order: paid, or refund_due", schema: responses.originOrderResponse } },
    refusals: CALLBACK,
  },
  {
    method: "post",
    path: "/v1/origin/products/{id}/orders/{orderId}/cancel",
    summary: "The origin gives a hold up",
    security: "webhook",
    body: requests.originCancelRequest,
    answers: { 200: { description: "The order", schema: responses.originOrderResponse } },
    refusals: CALLBACK,
  },
  {
    method: "put",
    path: "/v1/admin/products/{id}",
    summary: "Creates a product, changes the round that is to come, or sets the next one",
    security: "operator",
    body: requests.productRequest,
    answers: { 200: document },
    refusals: ["wrong-state", "not-found", ...OPERATOR, ...BODY],
  },
  {
    method: "get",
    path: "/v1/admin/products/{id}",
    summary: "Rules, stock book, orders and outbox of a product",
    security: "operator",
    answers: { 200: document },
    refusals: ["not-found", ...OPERATOR],
  },
  ...(["pause", "resume", "close"] as const).map(
    (action): Operation => ({
      method: "post",
      path: `/v1/admin/products/{id}/${action}`,
      summary: {
        pause: "Pauses the sale",
        resume: "Goes on with it",
        close: "Releases holds and withdraws what is left",
      }[action],
      security: "operator",
      body: requests.emptyRequest,
      answers: { 200: document },
      refusals: ["not-found", "wrong-state", ...OPERATOR, ...BODY],
    }),
  ),
  {
    method: "post",
    path: "/v1/admin/products/{id}/stock",
    summary: "Adds units, or withdraws what is available",
    security: "operator",
    body: requests.stockRequest,
    answers: { 200: document },
    refusals: ["not-found", "wrong-state", ...OPERATOR, ...BODY],
  },
  {
    method: "get",
    path: "/v1/admin/products/{id}/audit",
    summary: "Who changed what, the newest first",
    security: "operator",
    answers: { 200: { description: "The audit list", schema: responses.auditResponse } },
    refusals: ["not-found", ...OPERATOR],
  },
  {
    method: "get",
    path: "/v1/admin/lists",
    summary: "The allow, deny and suspect lists, a page at a time",
    security: "operator",
    query: [
      { name: "list", description: "Only this one: allow, deny or suspect" },
      { name: "subject", description: "Only entries of this kind: cidr, asn, country or buyer" },
      { name: "value", description: "Only this value" },
      { name: "limit", description: "Entries of a page: 1 to 1000, 100 unless said" },
      { name: "after", description: "`next` of the page before" },
    ],
    answers: { 200: { description: "Entries", schema: control.listResponse } },
    refusals: [...OPERATOR, "invalid-request"],
  },
  {
    method: "post",
    path: "/v1/admin/lists",
    summary: "Puts entries on the lists, all or none; repeated ones are replaced",
    security: "operator",
    body: control.putEntriesRequest,
    answers: { 200: { description: "How many changed", schema: control.listChangeResponse } },
    refusals: [...OPERATOR, ...BODY],
  },
  {
    method: "post",
    path: "/v1/admin/lists/remove",
    summary: "Takes entries off the lists",
    security: "operator",
    body: control.removeEntriesRequest,
    answers: { 200: { description: "How many changed", schema: control.listChangeResponse } },
    refusals: [...OPERATOR, ...BODY],
  },
  {
    method: "get",
    path: "/v1/admin/limits",
    summary: "The policies as configured, and the overrides in force",
    security: "operator",
    answers: { 200: { description: "Policies", schema: control.limitsResponse } },
    refusals: OPERATOR,
  },
  {
    method: "put",
    path: "/v1/admin/limits/{policy}",
    summary: "Changes a limit or its mode for a while, without a deploy",
    security: "operator",
    body: control.overrideRequest,
    answers: { 200: { description: "The override in force", schema: control.overrideResponse } },
    refusals: ["not-found", ...OPERATOR, ...BODY],
  },
  {
    method: "delete",
    path: "/v1/admin/limits/{policy}",
    summary: "Ends an override",
    security: "operator",
    answers: { 204: { description: "The policy is as configured again" } },
    refusals: ["not-found", ...OPERATOR],
  },
  {
    method: "get",
    path: "/v1/admin/audit",
    summary: "Who changed lists and limits, the newest first",
    security: "operator",
    query: [
      { name: "limit", description: "Entries of a page: 1 to 1000, 100 unless said" },
      { name: "before", description: "An entry's number: only older ones" },
    ],
    answers: { 200: { description: "The audit list", schema: control.controlAuditResponse } },
    refusals: [...OPERATOR, "invalid-request"],
  },
  {
    method: "get",
    path: "/v1/admin/dead-letters",
    summary: "Order events that failed for good and wait for an operator",
    security: "operator",
    answers: { 200: { description: "The dead letters", schema: responses.deadLettersResponse } },
    refusals: OPERATOR,
  },
  {
    method: "post",
    path: "/v1/admin/dead-letters/{eventId}/replay",
    summary: "Sends a dead letter to the writer again",
    security: "operator",
    body: requests.emptyRequest,
    answers: { 202: { description: "Sent again", schema: responses.replayResponse } },
    refusals: ["not-found", ...OPERATOR, ...BODY],
  },
  {
    method: "get",
    path: "/healthz",
    summary: "Whether the Worker answers",
    answers: { 200: { description: "It does", schema: responses.healthResponse } },
    refusals: [],
  },
  {
    method: "get",
    path: "/.well-known/jwks.json",
    summary: "The public keys behind the signed time (RFC 7517)",
    answers: { 200: { description: "A JWK set", schema: responses.jwksResponse } },
    refusals: [],
  },
];
