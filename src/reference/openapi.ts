/**
 * GET /openapi.json: OpenAPI 3.1, made of the calls, the schemas that validate requests, and the refusals' own table.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import type { Context } from "hono";
import * as v from "valibot";
import type { AppEnv } from "../context.ts";
import { PROBLEM_TYPE } from "../problem.ts";
import { REFUSALS } from "../refusal.ts";
import { problemResponse } from "../wire/responses.ts";
import { OPERATIONS, type Operation } from "./operations.ts";

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

function parametersOf({ path, header, query = [], isProven }: Operation) {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  return [
    ...inPath,
    ...query.map(({ name, description, isFlag = false }) => ({
      name,
      description,
      in: "query",
      required: false,
      ...(isFlag ? { allowEmptyValue: true } : {}),
      schema: { type: "string" },
    })),
    ...(header === undefined ? [] : [{ ...header, in: "header", required: true, schema: { type: "string" } }]),
    ...(isProven === true ? [{ ...PROOF, in: "header", required: false, schema: { type: "string" } }] : []),
  ];
}

/** Where every key may be left out, so may be the body. */
function isNeeded(body: v.GenericSchema): boolean {
  return !v.safeParse(body, {}).success;
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
      : {
          requestBody: {
            required: isNeeded(body),
            content: { "application/json": { schema: schemaOf(body, "input") } },
          },
        }),
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
      schemas: { Problem: schemaOf(problemResponse, "output") },
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
