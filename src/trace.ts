/**
 * W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context/): one id from admission to Postgres.
 *
 * A caller's valid `traceparent` is carried on, with a span id of ours; otherwise a trace begins here.
 */

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const ZERO_TRACE = "0".repeat(32);
const ZERO_SPAN = "0".repeat(16);

/** Of a trace's id and a span's, in bytes. */
const [TRACE_BYTES, SPAN_BYTES] = [16, 8];
/** Used again for every trace, within one step. */
const RANDOM = new Uint8Array(TRACE_BYTES + SPAN_BYTES);

export function continueTrace(received: string | undefined): string {
  const [, traceId, parentId, flags] = TRACEPARENT.exec(received ?? "") ?? [];
  const known = traceId !== undefined && traceId !== ZERO_TRACE && parentId !== ZERO_SPAN;
  const random = crypto.getRandomValues(RANDOM).toHex();
  const [newTrace, span] = [random.slice(0, TRACE_BYTES * 2), random.slice(TRACE_BYTES * 2)];
  return `00-${known ? traceId : newTrace}-${span}-${known ? flags : "00"}`;
}
