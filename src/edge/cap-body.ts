/** Bodies are counted in bytes as they arrive, and cut off beyond the cap, whatever Content-Length says. */
import type { Context, MiddlewareHandler } from "hono";
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
  const onError = (c: Context) => refuse(c, { code: "payload-too-large", limitBytes });
  const countAsItArrives = bodyLimit({ maxSize: limitBytes, onError });
  return (c, next) => {
    const { method } = c.req;
    if (method === "GET" || method === "HEAD") return next();
    // A length that stands alone is the body's own (RFC 9112, section 6.3): the body need not even be opened to know it.
    const length = c.req.header("Content-Length");
    if (length === undefined || c.req.header("Transfer-Encoding") !== undefined) return countAsItArrives(c, next);
    return Number(length) > limitBytes ? Promise.resolve(onError(c)) : next();
  };
}
