/** What is answered where no route is: another method (405 and which), no such address (404), and a fault of ours (500). */
import type { Context, Hono } from "hono";
import { answer, answerAsItIs } from "../answer.ts";
import type { AppEnv } from "../context.ts";
import { logEvent } from "../log.ts";
import { PROBLEM, refuse } from "../problem.ts";
import type { Answer, Next } from "../way.ts";

/** An address of the app's own, called by a method that it does not take. For where no route is found: what is found costs nothing. */
export function refuseMethods(app: Hono<AppEnv>) {
  return function refuseOtherMethods(c: Context<AppEnv>, next: Next): Answer {
    const known = new Set(app.routes.map(({ method }) => method));
    const allow = [...known].filter((method) => app.router.match(method, c.req.path)[0].length > 0);
    if (allow.length === 0) return next(c);
    // Whatever is answered to GET is answered to HEAD.
    if (allow.includes("GET")) allow.push("HEAD");
    return refuse(c, { code: "method-not-allowed", allow: allow.toSorted() });
  };
}

/** Addresses that are the gateway's own; everything else is the sale page's, if it has it. */
const OWN_ADDRESSES = /^\/(?:v1|problems|\.well-known|demo)(?:\/|$)|^\/(?:openapi\.json|healthz)$/;

export function refuseUnknown() {
  return async function refuseUnknownAddress(c: Context<AppEnv>): Promise<Response> {
    // In production Cloudflare answers files before the Worker runs; the local gateway has them behind this binding.
    if (OWN_ADDRESSES.test(c.req.path) || !c.req.path.startsWith("/")) return refuse(c, { code: "not-found" });
    if (c.req.method !== "GET" && c.req.method !== "HEAD") {
      return refuse(c, { code: "method-not-allowed", allow: ["GET", "HEAD"] });
    }
    const file = await c.env.ASSETS.fetch(c.req.raw);
    return file.status === 404 ? refuse(c, { code: "not-found" }) : answerAsItIs(c, file);
  };
}

/** A fault further on is answered here, so that what stands before this stage sees an answer like any other. */
export function answerFaults() {
  return function answerFaultsBehind(c: Context<AppEnv>, next: Next): Answer {
    try {
      const answered = next(c);
      return answered instanceof Promise ? answered.catch((fault: unknown) => answerFault(fault, c)) : answered;
    } catch (fault) {
      return answerFault(fault, c);
    }
  };
}

/** A fault is told by its request id only. Nothing about the inside leaves; the log has it. */
export function answerFault(fault: unknown, c: Context<AppEnv>): Response {
  if (!(fault instanceof Error)) throw fault;
  const { name, message, stack } = fault;
  logEvent("error", "fault", { requestId: c.get("requestId"), name, message, stack });
  const body = {
    type: "/problems/internal",
    title: "Internal error",
    status: 500,
    code: "internal",
    detail: "The gateway failed to answer; the operator finds the reason under the X-Request-Id",
  };
  return answer(c, JSON.stringify(body), 500, PROBLEM);
}
