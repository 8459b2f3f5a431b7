/** Bodies are counted in bytes as they arrive, and cut off beyond the cap, whatever Content-Length says. */
import type { Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import { BODY_BYTES_MAX, BROKEN_BODY } from "../body.ts";
import { refuse } from "../problem.ts";
import { type Answer, fromHono, type Next, type Stage } from "../way.ts";

/** @param larger the paths that take more than the ordinary cap, and how many bytes each. */
export function capBody(larger: ReadonlyMap<string, number>): Stage {
  const ordinary = capAt(BODY_BYTES_MAX);
  const caps = new Map([...larger].map(([path, bytes]) => [path, capAt(bytes)]));
  return function capBodyInBytes(c, next) {
    return (caps.get(c.req.path) ?? ordinary)(c, next);
  };
}

function capAt(limitBytes: number): Stage {
  const onError = (c: Context) => refuse(c, { code: "payload-too-large", limitBytes });
  const count = fromHono(bodyLimit({ maxSize: limitBytes, onError }));
  async function countAsItArrives(c: Context, next: Next): Promise<Response> {
    let hasArrived = false;
    function goOn(): Answer {
      hasArrived = true;
      return next(c);
    }
    try {
      return await count(c, goOn);
    } catch (fault) {
      if (hasArrived) throw fault;
      return refuse(c, BROKEN_BODY);
    }
  }
  return (c, next) => {
    const { method } = c.req;
    if (method === "GET" || method === "HEAD") return next(c);
    // A length that stands alone is the body's own (RFC 9112, section 6.3): the body need not even be opened to know it.
    const length = c.req.header("Content-Length");
    if (length === undefined || c.req.header("Transfer-Encoding") !== undefined) return countAsItArrives(c, next);
    return Number(length) > limitBytes ? onError(c) : next(c);
  };
}
