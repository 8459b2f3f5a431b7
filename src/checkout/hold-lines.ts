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

/** Sets stock aside by the product's object, together with whoever else is there for the same product. */
export async function holdInLine(productId: string, calls: HoldCalls, command: HoldCommand): Promise<HoldOutcome> {
  if (!CAN_SHARE) return calls.one(command);
  const line = lines.get(productId) ?? new HoldLine();
  lines.set(productId, line);
  try {
    return await line.hold(calls, command);
  } finally {
    if (line.isIdle && lines.get(productId) === line) lines.delete(productId);
  }
}
