/**
 * What comes of a call: a value, or a refusal. Both are values; nothing here throws because somebody said no.
 *
 * The gateway tells a refusal as problem details (RFC 9457) with a stable `code`. Two codes are this library's own:
 * `network` (no answer arrived: whether the gateway acted is unknown) and `unexpected` (an answer outside the contract).
 */
import { isApiPath, isFields, ORDER_STATUSES, type OrderStatus } from "./documents.ts";

/** The gateway's codes that this library knows. A code never changes meaning. */
export const GATEWAY_CODES = [
  "invalid-request",
  "identity-required",
  "identity-invalid",
  "proof-required",
  "challenge-required",
  "challenge-failed",
  "not-eligible",
  "token-invalid",
  "token-expired",
  "gate-invalid",
  "not-found",
  "method-not-allowed",
  "hold-open",
  "buyer-limit",
  "held-out",
  "wrong-state",
  "sold-out",
  "round-closed",
  "payload-too-large",
  "token-mismatch",
  "too-early",
  "rate-limited",
  "hoarding",
  "limiter-unavailable",
  "overloaded",
  "paused",
] as const;

export type GatewayCode = (typeof GATEWAY_CODES)[number];

interface Told {
  /** The HTTP status; 0 when no answer arrived. */
  readonly httpStatus: number;
  /** The gateway's own words, in English; for logs rather than for buyers. */
  readonly detail: string;
  /** `X-Request-Id`: what an operator asks for. */
  readonly requestId?: string;
  /** `Retry-After` in milliseconds, counted from the answer's arrival. */
  readonly retryAfterMs?: number;
}

type PlainCode = Exclude<
  GatewayCode,
  "challenge-required" | "hold-open" | "buyer-limit" | "held-out" | "sold-out" | "wrong-state" | "too-early"
>;

export type Refusal = Told &
  (
    | { readonly code: PlainCode | "network" | "unexpected" }
    | { readonly code: "challenge-required"; readonly challenge: unknown }
    /** `statusUrl`: where the buyer's open order is. */
    | { readonly code: "hold-open"; readonly statusUrl?: string }
    | { readonly code: "buyer-limit"; readonly perBuyerLimit?: number }
    | { readonly code: "held-out"; readonly nextReleaseAt?: number }
    /** `available`: units that are left, fewer than were asked for. */
    | { readonly code: "sold-out"; readonly available?: number }
    | { readonly code: "wrong-state"; readonly orderStatus?: OrderStatus }
    | { readonly code: "too-early"; readonly opensAt?: number }
  );

export type RefusalCode = Refusal["code"];

export interface Success<Value> {
  readonly code: "ok";
  readonly value: Value;
  /** How long the answer may be taken for the truth, in milliseconds: `Cache-Control: max-age`. */
  readonly freshForMs: number;
}

export type Outcome<Value> = Success<Value> | Refusal;

/** No answer arrived, for whatever reason: offline, cut off, too slow. */
export function networkRefusal(detail: string): Refusal {
  return { code: "network", httpStatus: 0, detail };
}

/** The refusal that a response tells. `body` is its parsed JSON, or undefined where it is none. */
export function parseRefusal(response: Response, body: unknown): Refusal {
  const fields = isFields(body) ? body : {};
  const requestId = response.headers.get("X-Request-Id");
  const retryAfterMs = parseRetryAfter(response.headers.get("Retry-After"));
  const told: Told = {
    httpStatus: response.status,
    detail: typeof fields["detail"] === "string" ? fields["detail"] : `The answer has status ${response.status}`,
    ...(requestId === null ? {} : { requestId }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  const code = GATEWAY_CODES.find((known) => known === fields["code"]);
  return code === undefined ? { ...told, code: "unexpected" } : withFields(told, code, fields);
}

/** The fields that belong to a code; one that is missing or of another type is left out. */
function withFields(told: Told, code: GatewayCode, fields: Readonly<Record<string, unknown>>): Refusal {
  if (code === "challenge-required") return { ...told, code, challenge: fields["challenge"] };
  if (code === "hold-open") {
    const { statusUrl } = fields;
    return { ...told, code, ...(isApiPath(statusUrl) ? { statusUrl } : {}) };
  }
  if (code === "buyer-limit") {
    const perBuyerLimit = parseNumber(fields["perBuyerLimit"]);
    return { ...told, code, ...(perBuyerLimit === undefined ? {} : { perBuyerLimit }) };
  }
  if (code === "held-out") {
    const nextReleaseAt = parseNumber(fields["nextReleaseAt"]);
    return { ...told, code, ...(nextReleaseAt === undefined ? {} : { nextReleaseAt }) };
  }
  if (code === "sold-out") {
    const available = parseNumber(fields["available"]);
    return { ...told, code, ...(available === undefined ? {} : { available }) };
  }
  if (code === "too-early") {
    const opensAt = parseNumber(fields["opensAt"]);
    return { ...told, code, ...(opensAt === undefined ? {} : { opensAt }) };
  }
  if (code === "wrong-state") {
    // `status` is the HTTP status in problem details, so that the order's may stand beside it under its own name.
    const named = [fields["orderStatus"], fields["status"]];
    const orderStatus = ORDER_STATUSES.find((status) => named.includes(status));
    return { ...told, code, ...(orderStatus === undefined ? {} : { orderStatus }) };
  }
  return { ...told, code };
}

function parseNumber(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/**
 * `Retry-After` in milliseconds. The gateway sends seconds; the other form, a date, would have to be judged by a clock
 * that is not the gateway's, and is ignored.
 */
export function parseRetryAfter(header: string | null): number | undefined {
  if (header === null || !/^\d{1,9}$/.test(header.trim())) return undefined;
  return Number(header) * 1000;
}

/** `max-age` of a `Cache-Control` field in milliseconds; 0 where there is none. */
export function parseMaxAge(header: string | null): number {
  const seconds = header === null ? undefined : /(?:^|[\s,])max-age=(\d{1,9})/i.exec(header)?.[1];
  return seconds === undefined ? 0 : Number(seconds) * 1000;
}
