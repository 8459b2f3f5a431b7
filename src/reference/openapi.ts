/**
 * GET /openapi.json: OpenAPI 3.1, made of the schemas that validate requests and of the refusals' own table.
 *
 * Only what a schema cannot say stands here: which call takes and answers what, and which refusals it may give.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import type { Context } from "hono";
import type * as v from "valibot";
import type { AppEnv } from "../context.ts";
import { PROBLEM_TYPE } from "../problem.ts";
import { REFUSALS, type RefusalCode } from "../refusal.ts";
import * as requests from "../wire/requests.ts";
import * as responses from "../wire/responses.ts";

type Security = "identity" | "operator" | "webhook";

interface Operation {
  readonly method: "get" | "post" | "put";
  readonly path: string;
  readonly summary: string;
  readonly security?: Security;
  readonly header?: { readonly name: string; readonly description: string };
  /** Whether it takes a proof of possession. */
  readonly isProven?: boolean;
  readonly query?: { readonly name: string; readonly description: string };
  readonly body?: v.GenericSchema;
  readonly answers: Readonly<Record<number, { readonly description: string; readonly schema?: v.GenericSchema }>>;
  readonly refusals: readonly RefusalCode[];
}

const LIMITED = ["rate-limited", "limiter-unavailable"] as const satisfies readonly RefusalCode[];
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
const BODY = ["invalid-request", "payload-too-large"] as const satisfies readonly RefusalCode[];
const CALLBACK = ["signature-invalid", "not-found", "wrong-state", "overloaded", ...BODY] as const;

const document = { description: "The product's document", schema: responses.productDocumentResponse };

export const OPERATIONS: readonly Operation[] = [
  {
    method: "get",
    path: "/v1/time",
    summary: "The gateway's clock",
    query: { name: "signed", description: "Adds a JWT that third parties can verify with /.well-known/jwks.json" },
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
    refusals: ["not-found", "overloaded", ...LIMITED],
  },
  {
    method: "post",
    path: "/v1/products/{id}/tokens",
    summary: "A one-time purchase token for the buyer",
    security: "identity",
    isProven: true,
    body: requests.tokenRequest,
    answers: { 201: { description: "The token and where to use it", schema: responses.tokenResponse } },
    refusals: ["not-found", ...SALE, ...IDENTITY, "proof-required", ...LIMITED, ...BODY],
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
      "token-invalid",
      "token-expired",
      "token-mismatch",
      "hold-open",
      "buyer-limit",
      "hoarding",
      ...SALE,
      ...LIMITED,
      ...BODY,
    ],
  },
  {
    method: "get",
    path: "/v1/products/{id}/orders/{orderId}",
    summary: "An order, for its buyer",
    security: "identity",
    answers: { 200: { description: "The order as it is now", schema: responses.orderResponse } },
    refusals: ["not-found", ...IDENTITY, ...LIMITED],
  },
  {
    method: "post",
    path: "/v1/products/{id}/orders/{orderId}/cancel",
    summary: "The buyer gives a hold up; repeating is harmless",
    security: "identity",
    body: requests.emptyRequest,
    answers: { 200: { description: "The order as it is now", schema: responses.orderResponse } },
    refusals: ["not-found", "wrong-state", ...IDENTITY, ...LIMITED, ...BODY],
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

const SECURITY_SCHEMES = {
  identity: { type: "http", scheme: "bearer", bearerFormat: "JWT", description: "The merchant's own JWT" },
  operator: { type: "http", scheme: "bearer", description: "ADMIN_TOKEN" },
  webhook: {
    type: "apiKey",
    in: "header",
    name: "webhook-signature",
    description: "Standard Webhooks 1.0.0: webhook-id, webhook-timestamp and webhook-signature over the raw body",
  },
} as const;

function schemaOf(schema: v.GenericSchema, typeMode: "input" | "output"): object {
  const { $schema: _, ...rest } = toJsonSchema(schema, { typeMode, errorMode: "ignore" });
  return rest;
}

const PROOF = {
  name: "DPoP",
  description: "Where the gateway binds tokens: a proof for this call by the buyer's key (RFC 9449)",
};

function parametersOf({ path, header, query, isProven }: Operation) {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  return [
    ...inPath,
    ...(query === undefined
      ? []
      : [{ ...query, in: "query", required: false, allowEmptyValue: true, schema: { type: "string" } }]),
    ...(header === undefined ? [] : [{ ...header, in: "header", required: true, schema: { type: "string" } }]),
    ...(isProven === true ? [{ ...PROOF, in: "header", required: false, schema: { type: "string" } }] : []),
  ];
}

function refusalsOf({ refusals }: Operation) {
  const byStatus = Map.groupBy([...new Set(refusals)], (code) => REFUSALS[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${REFUSALS[code].title}`).join("; "),
        content: { [PROBLEM_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    ]),
  );
}

function answersOf({ answers }: Operation) {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, schema }]) => [
      status,
      schema === undefined
        ? { description }
        : { description, content: { "application/json": { schema: schemaOf(schema, "output") } } },
    ]),
  );
}

function operationObject(operation: Operation) {
  const { summary, security, body } = operation;
  return {
    summary,
    parameters: parametersOf(operation),
    ...(security === undefined ? {} : { security: [{ [security]: [] }] }),
    ...(body === undefined
      ? {}
      : { requestBody: { content: { "application/json": { schema: schemaOf(body, "input") } } } }),
    responses: { ...answersOf(operation), ...refusalsOf(operation) },
  };
}

export function openApiDocument() {
  const byPath = Map.groupBy(OPERATIONS, ({ path }) => path);
  const paths = [...byPath].map(([path, operations]) => [
    path,
    Object.fromEntries(operations.map((operation) => [operation.method, operationObject(operation)])),
  ]);
  return {
    openapi: "3.1.0",
    info: {
      title: "Sluice",
      version: "1",
      description:
        "A flash-sale gateway: limits, purchase tokens, an exact stock ledger and an order outbox into Postgres.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    paths: Object.fromEntries(paths),
    components: {
      schemas: { Problem: schemaOf(responses.problemResponse, "output") },
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

let text: string | null = null;

export function showOpenApi() {
  return function showOpenApiDocument(c: Context<AppEnv>): Response {
    text ??= JSON.stringify(openApiDocument());
    c.header("Cache-Control", "public, max-age=300");
    c.header("Content-Type", "application/json");
    return c.body(text);
  };
}
