/**
 * The first stage: who is it, and under which id does the request go on; and the last to see the answer, which has that id and
 * the security headers then, whoever made it. Refuses nothing, except that a gateway whose configuration is wrong serves nobody.
 */
import type { Context } from "hono";
import { completed } from "../answer.ts";
import { loadConfig } from "../config.ts";
import { ConfigError } from "../config-error.ts";
import type { AppEnv } from "../context.ts";
import { after } from "../soon.ts";
import type { Answer, Next } from "../way.ts";
import { ClientOfRequest } from "./client-address.ts";

export function admit() {
  return function admitRequest(c: Context<AppEnv>, next: Next): Answer {
    c.set("requestId", crypto.randomUUID());
    const config = loadConfig(c.env);
    if (config instanceof ConfigError) return completed(c, refuseToServe(config));
    c.set("config", config);
    c.set("client", new ClientOfRequest(c.req));
    return after(next(c), (response) => completed(c, response));
  };
}

/** One clear line that names the key: never half a service. */
function refuseToServe(error: ConfigError): Response {
  return new Response(`Sluice refuses to serve: ${error.message}\n`, {
    status: 503,
    headers: { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", "Retry-After": "60" },
  });
}
