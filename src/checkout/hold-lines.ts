/** The lines of holds before all product objects, within one isolate. */
import type { HoldCommand } from "../../durable-objects/product/protocol.ts";
import { type HoldCalls, HoldLine, type HoldOutcome } from "./hold-line.ts";

/**
 * Whether a promise that one request settles is gone on with in the request that waits for it, as on Cloudflare since the compatibility
 * date 2024-10-14 (https://github.com/cloudflare/workerd/pull/2719). The test runner for Workers turns that off: there each calls for
 * himself.
 */
const CAN_SHARE = Cloudflare.compatibilityFlags["handle_cross_request_promise_resolution"] === true;

/** Of the products that somebody is waiting for. */
const lines = new Map<string, HoldLine>();

/** With so many it is looked whether somebody is in each: a line in which everybody left before his answer came ends by nobody's hand. */
const LINES_SWEPT = 64;

/** Sets stock aside by the product's object, together with whoever else is there for the same product. */
export async function holdInLine(productId: string, calls: HoldCalls, command: HoldCommand): Promise<HoldOutcome> {
  if (!CAN_SHARE) return calls.one(command);
  const line = lines.get(productId) ?? addLine(productId);
  try {
    return await line.hold(calls, command);
  } finally {
    if (line.isIdle && lines.get(productId) === line) lines.delete(productId);
  }
}

function addLine(productId: string): HoldLine {
  if (lines.size >= LINES_SWEPT) for (const [id, { isIdle }] of lines) if (isIdle) lines.delete(id);
  const line = new HoldLine();
  lines.set(productId, line);
  return line;
}
