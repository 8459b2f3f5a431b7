/**
 * Several guards as one stage. A guard either refuses or lets the request on, and does nothing after that; so guards can stand
 * side by side instead of inside one another, and a request that passes five of them waits for none.
 *
 * Never for a stage that works on the response (limits, CORS, what stands around a limit): what it does behind `next()` would be
 * done too early.
 * What it gains: hono's nesting costs each stage some 1.4 µs, of 60 that a refusal at the edge takes in all.
 */
import type { Context, MiddlewareHandler } from "hono";

const LET_ON = Promise.resolve();

/** One stage that is passed by whoever passes all `stages`, in this order. */
export function guards(...stages: readonly MiddlewareHandler[]): MiddlewareHandler {
  return function passGuards(c, next) {
    return passFrom(0, c);

    function passFrom(first: number, context: Context): Promise<Response | void> {
      let letOn = false;
      const letPass = (): Promise<void> => {
        letOn = true;
        return LET_ON;
      };
      for (let index = first; index < stages.length; index++) {
        letOn = false;
        const answer = stages[index]?.(context, letPass);
        // Let on in the same step: what the guard returned says nothing more.
        if (letOn) continue;
        return Promise.resolve(answer).then((refusal) => {
          if (refusal instanceof Response) return refusal;
          return letOn ? passFrom(index + 1, context) : undefined;
        });
      }
      return next();
    }
  };
}
