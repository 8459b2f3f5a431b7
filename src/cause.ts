/**
 * The thread from admission to Postgres: which request causes a change, and in whose trace. Made when a change is asked for;
 * a request that changes nothing needs no trace of its own.
 */
import type { Context } from "hono";
import type { Cause } from "../durable-objects/product/protocol.ts";
import type { AppEnv } from "./context.ts";
import { continueTrace } from "./trace.ts";

export function causeOf<Env extends AppEnv>(c: Context<Env>): Cause {
  const { requestId }: AppEnv["Variables"] = c.var;
  return { requestId, traceparent: continueTrace(c.req.header("traceparent")) };
}
