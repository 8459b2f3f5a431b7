/** What is answered where no route is: another method (405 and which), no such address (404), and a fault of ours (500). */
import type { Context, ErrorHandler, Hono, NotFoundHandler } from "hono";
import type { AppEnv } from "../context.ts";
import { logEvent } from "../log.ts";
import { PROBLEM_TYPE, refuse } from "../problem.ts";

/** Adds a 405 to every address of the app for the methods that it does not take. To be called after the last route. */
export function refuseMethods(app: Hono<AppEnv>): void {
  const methods = new Map<string, Set<string>>();
  for (const { path, method } of app.routes) {
    if (method === "ALL") continue;
    const known = methods.get(path) ?? new Set<string>();
    methods.set(path, known.add(method));
    // Whatever is answered to GET is answered to HEAD.
    if (method === "GET") known.add("HEAD");
  }
  for (const [path, known] of methods) {
    const allow = [...known].toSorted();
    app.all(path, (c) => refuse(c, { code: "method-not-allowed", allow }));
  }
}

/** Addresses that are the gateway's own; everything else is the sale page's, if it has it. */
const OWN_ADDRESSES = /^\/(?:v1|problems|\.well-known|demo)(?:\/|$)|^\/(?:openapi\.json|healthz)$/;

export function refuseUnknown(): NotFoundHandler<AppEnv> {
  return async function refuseUnknownAddress(c): Promise<Response> {
    // In production Cloudflare answers files before the Worker runs; the local gateway has them behind this binding.
    if (OWN_ADDRESSES.test(c.req.path) || !c.req.path.startsWith("/")) return refuse(c, { code: "not-found" });
    if (c.req.method !== "GET" && c.req.method !== "HEAD") {
      return refuse(c, { code: "method-not-allowed", allow: ["GET", "HEAD"] });
    }
    const file = await c.env.ASSETS.fetch(c.req.raw);
    if (file.status === 404) return refuse(c, { code: "not-found" });
    const answer = new Response(file.body, file);
    answer.headers.set("X-Request-Id", c.get("requestId"));
    return answer;
  };
}

/** A fault is told by its request id only. Nothing about the inside leaves; the log has it. */
export function answerFault(): ErrorHandler<AppEnv> {
  return function answerInternalFault(fault: Error, c: Context<AppEnv>): Response {
    const requestId = c.get("requestId");
    const { name, message, stack } = fault;
    logEvent("error", "fault", { requestId, name, message, stack });
    const body = {
      type: "/problems/internal",
      title: "Internal error",
      status: 500,
      code: "internal",
      detail: "The gateway failed to answer; the operator finds the reason under the X-Request-Id",
    };
    return c.newResponse(JSON.stringify(body), 500, { "Content-Type": PROBLEM_TYPE, "Cache-Control": "no-store" });
  };
}
