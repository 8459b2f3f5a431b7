/** The thread from admission to Postgres, as a request's context has it: which request causes a change. */
import type { Context } from "hono";
import type { Cause } from "../durable-objects/product/protocol.ts";
import type { AppEnv } from "./context.ts";

export function causeOf<Env extends AppEnv>(c: Context<Env>): Cause {
  const { requestId, traceparent }: AppEnv["Variables"] = c.var;
  return { requestId, traceparent };
}
