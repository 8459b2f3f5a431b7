/**
 * The first stage: who is it, and under which id does the request go on. Refuses nothing, except that a gateway whose
 * configuration is wrong serves nobody.
 */
import { createMiddleware } from "hono/factory";
import { loadConfig } from "../config.ts";
import { ConfigError } from "../config-error.ts";
import type { AppEnv } from "../context.ts";
import { readClientAddress } from "./client-address.ts";

/** What the policies and logs need of a user agent. */
const USER_AGENT_LENGTH_MAX = 256;

/**
 * For answers that are data: nothing in them may run, be framed or be guessed at (OWASP REST Security Cheat Sheet). What
 * speaks to a browser about the whole host (Strict-Transport-Security) or about pages the sale page's answers say: each
 * header is 2 % of a refusal's time.
 */
const SECURITY_HEADERS: readonly (readonly [string, string])[] = [
  ["X-Content-Type-Options", "nosniff"],
  ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
];

export function admit() {
  // Not async, like every stage that waits for nothing: it stands before each refusal.
  return createMiddleware<AppEnv>(function admitRequest(c, next) {
    const requestId = crypto.randomUUID();
    c.header("X-Request-Id", requestId);
    for (const [name, value] of SECURITY_HEADERS) c.header(name, value);
    const config = loadConfig(c.env);
    if (config instanceof ConfigError) return Promise.resolve(refuseToServe(config));
    c.set("requestId", requestId);
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
