/** Who may operate: whoever has the operator's token. Compared as digests, in constant time (T21). */
import type { Context } from "hono";
import type { AppEnv } from "../context.ts";
import { refuse } from "../problem.ts";
import type { Next } from "../way.ts";

const BEARER = /^Bearer +([^\s]+)$/i;

async function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}

/** Requires the operator's token as a bearer token. */
export function requireOperator() {
  return async function refuseStrangers(c: Context<AppEnv>, next: Next): Promise<Response> {
    const given = BEARER.exec(c.req.header("Authorization") ?? "")?.[1];
    if (given === undefined) return refuse(c, { code: "admin-required" });
    const [left, right] = await Promise.all([digest(given), digest(c.get("config").adminToken)]);
    if (!crypto.subtle.timingSafeEqual(left, right)) return refuse(c, { code: "admin-required" });
    return next(c);
  };
}
