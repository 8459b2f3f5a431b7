/**
 * The thread from admission to Postgres: which request causes a change, and in whose trace. Made when a change is asked for;
 * a request that changes nothing needs no trace of its own.
 */
import type { Context } from "hono";
import type { Cause } from "../durable-objects/product/protocol.ts";
import type { AppEnv } from "./context.ts";
import { continueTrace } from "./trace.ts";

export function causeOf(c: Context): Cause {
  return { requestId: requestIdOf(c), traceparent: continueTrace(c.req.header("traceparent")) };
}

function requestIdOf(c: Context<AppEnv>): string {
  return c.get("requestId");
}
