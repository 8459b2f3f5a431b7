/**
 * The way of a request through its stages, as one handler of hono.
 *
 * A stage answers, or returns what `next(c)` answers, which it may look at and change on its way back. Nothing is awaited that is
 * there already: a request that no stage has to wait for is answered in the step in which it came. That is what hono's own
 * nesting cannot do, where each stage is an async function (decision 0033); hono finds the route, and makes the context.
 *
 * What it gives up: a stage is no middleware of hono's. `fromHono` makes one of those that hono and others have.
 */
import type { Context, MiddlewareHandler } from "hono";
import type { Soon } from "./soon.ts";

export type Answer = Soon<Response>;
/** What comes after a stage. To be called once, with the stage's own context. */
export type Next = (c: Context) => Answer;
export type Stage = (c: Context, next: Next) => Answer;
/** A stage that lets nobody on. */
export type Handler = (c: Context) => Answer;

/** Several stages that stand together, as one. */
type Group = Stage & { readonly group: readonly Stage[] };

/** Several stages, one behind the other, as one. */
export function together(...stages: readonly Stage[]): Stage {
  const group = stages.flatMap(singleStages);
  const passStages: Stage = (c, next) => chain(group, next)(c);
  return Object.assign(passStages, { group }) satisfies Group;
}

/** A handler, with the stages that it can be told from: the bench cuts the way behind each (bench/workers/stages.ts). */
export type Way = Handler & { readonly stages: readonly Stage[] };

/** The last of `stages` has to answer. What comes after which stage is settled here, and not once more for each request. */
export function way(...stages: readonly Stage[]): Way {
  const passAll = chain(stages.flatMap(singleStages), noAnswer);
  const handler: Handler = (c) => passAll(c);
  return Object.assign(handler, { stages });
}

function singleStages(stage: Stage): readonly Stage[] {
  return isGroup(stage) ? stage.group : [stage];
}

function isGroup(stage: Stage): stage is Group {
  return "group" in stage;
}

function chain(stages: readonly Stage[], last: Next): Next {
  return stages.reduceRight<Next>((next, stage) => (c) => stage(c, next), last);
}

function noAnswer(): never {
  throw new Error("Expected a stage that answers at the end of the way, found none");
}

/** A stage of a middleware of hono's: it finds the answer in `c.res`, and may put another there. */
export function fromHono(middleware: MiddlewareHandler): Stage {
  async function passMiddleware(c: Context, next: Next): Promise<Response> {
    const answer = await middleware(c, async () => {
      const made = await next(c);
      // Where it is there already: hono would copy it, header by header.
      if (!c.finalized || c.res !== made) c.res = made;
    });
    return answer instanceof Response ? answer : c.res;
  }
  // The bench tells a stage by its name.
  return Object.defineProperty(passMiddleware, "name", { value: middleware.name });
}
