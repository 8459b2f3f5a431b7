/** Bodies are counted in bytes as they arrive, and cut off beyond the cap, whatever Content-Length says. */
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { BODY_BYTES_MAX } from "../body.ts";
import type { AppEnv } from "../context.ts";
import { refuse } from "../problem.ts";

/** @param larger the paths that take more than the ordinary cap, and how many bytes each. */
export function capBody(larger: ReadonlyMap<string, number>): MiddlewareHandler<AppEnv> {
  const ordinary = capAt(BODY_BYTES_MAX);
  const caps = new Map([...larger].map(([path, bytes]) => [path, capAt(bytes)]));
  return (c, next) => (caps.get(c.req.path) ?? ordinary)(c, next);
}

function capAt(limitBytes: number): MiddlewareHandler {
  return bodyLimit({ maxSize: limitBytes, onError: (c) => refuse(c, { code: "payload-too-large", limitBytes }) });
}
