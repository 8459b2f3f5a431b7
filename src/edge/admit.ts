/**
 * The first stage: who is it, and under which id does the request go on. Refuses nothing, except that a gateway whose
 * configuration is wrong serves nobody.
 */
import { createMiddleware } from "hono/factory";
import { loadConfig } from "../config.ts";
import { ConfigError } from "../config-error.ts";
import type { AppEnv } from "../context.ts";
import { readClientAddress } from "./client-address.ts";
import { continueTrace } from "./trace.ts";

/** What the policies and logs need of a user agent. */
const USER_AGENT_LENGTH_MAX = 256;

/** For answers that are data: nothing in them may run, be framed or be guessed at. */
const SECURITY_HEADERS: readonly (readonly [string, string])[] = [
  ["X-Content-Type-Options", "nosniff"],
  ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
  ["Referrer-Policy", "no-referrer"],
  ["Strict-Transport-Security", "max-age=31536000"],
];

export function admit() {
  return createMiddleware<AppEnv>(async function admitRequest(c, next) {
    const requestId = crypto.randomUUID();
    c.header("X-Request-Id", requestId);
    for (const [name, value] of SECURITY_HEADERS) c.header(name, value);
    const config = loadConfig(c.env);
    if (config instanceof ConfigError) return refuseToServe(config);
    c.set("requestId", requestId);
    c.set("traceparent", continueTrace(c.req.header("traceparent")));
    c.set("config", config);
    c.set("client", {
      ...readClientAddress(c.req.header("CF-Connecting-IP")),
      userAgent: (c.req.header("User-Agent") ?? "").slice(0, USER_AGENT_LENGTH_MAX),
    });
    return next();
  });
}

/** One clear line that names the key: never half a service. */
function refuseToServe(error: ConfigError): Response {
  return new Response(`Sluice refuses to serve: ${error.message}\n`, {
    status: 503,
    headers: { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store", "Retry-After": "60" },
  });
}
