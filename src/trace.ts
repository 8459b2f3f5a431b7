/**
 * W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context/): one id from admission to Postgres.
 *
 * A caller's valid `traceparent` is carried on, with a span id of ours; otherwise a trace begins here.
 */

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const ZERO_TRACE = "0".repeat(32);
const ZERO_SPAN = "0".repeat(16);

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}

export function continueTrace(received: string | undefined): string {
  const [, traceId, parentId, flags] = TRACEPARENT.exec(received ?? "") ?? [];
  const known = traceId !== undefined && traceId !== ZERO_TRACE && parentId !== ZERO_SPAN;
  return `00-${known ? traceId : randomHex(16)}-${randomHex(8)}-${known ? flags : "00"}`;
}
