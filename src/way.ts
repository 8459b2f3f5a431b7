/**
 * The way of a request through its stages, as one handler of hono.
 *
 * A stage answers, or returns what `next()` answers, which it may look at and change on its way back. Nothing is awaited that is
 * there already: a request that no stage has to wait for is answered in the step in which it came. That is what hono's own
 * nesting cannot do, where each stage is an async function (decision 0033); hono finds the route, and makes the context.
 *
 * What it gives up: a stage is no middleware of hono's. `fromHono` makes one of those that hono and others have.
 */
import type { Context, MiddlewareHandler } from "hono";
import type { Soon } from "./soon.ts";

export type Answer = Soon<Response>;
/** What comes after a stage. To be called once. */
export type Next = () => Answer;
export type Stage = (c: Context, next: Next) => Answer;
/** A stage that lets nobody on. */
export type Handler = (c: Context) => Answer;

/** Several stages, one behind the other, as one. */
export function together(...stages: readonly Stage[]): Stage {
  return function passStages(c, next) {
    function passFrom(index: number): Answer {
      const stage = stages[index];
      return stage === undefined ? next() : stage(c, () => passFrom(index + 1));
    }
    return passFrom(0);
  };
}

/** A handler, with the stages that it can be told from: the bench cuts the way behind each (bench/workers/stages.ts). */
export type Way = Handler & { readonly stages: readonly Stage[] };

/** The last of `stages` has to answer. */
export function way(...stages: readonly Stage[]): Way {
  const passAll = together(...stages);
  const handler: Handler = (c) => passAll(c, noAnswer);
  return Object.assign(handler, { stages });
}

function noAnswer(): never {
  throw new Error("Expected a stage that answers at the end of the way, found none");
}

/** A stage of a middleware of hono's: it finds the answer in `c.res`, and may put another there. */
export function fromHono(middleware: MiddlewareHandler): Stage {
  async function passMiddleware(c: Context, next: Next): Promise<Response> {
    const answer = await middleware(c, async () => {
      const made = await next();
      // Where it is there already: hono would copy it, header by header.
      if (!c.finalized || c.res !== made) c.res = made;
    });
    return answer instanceof Response ? answer : c.res;
  }
  // The bench tells a stage by its name.
  return Object.defineProperty(passMiddleware, "name", { value: middleware.name });
}
