/** The Worker's entry while costs are measured: the gateway as it is bundled, and two paths, one that makes inner calls and one that lets orders leave. */
import gateway, * as exported from "sluice-gateway";
import { INNER_CALLS_PATH, makeInnerCalls } from "./inner-calls.ts";
import { answerLeaving, countOrders, type Leaving, LEAVING_PATH, letOrdersLeave, type Stored } from "./leaving.ts";

export * from "sluice-gateway";

export class ProductObject extends exported.ProductObject {
  readonly #stored: () => number;

  constructor(context: unknown, env: object) {
    super(context, env);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- workerd's
    this.#stored = countOrders(context as Stored);
  }

  letOrdersLeave() {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the gateway's own product object
    return letOrdersLeave(this as unknown as Leaving, this.#stored);
  }
}

export default {
  fetch(request: Request, env: object, context: unknown) {
    if (request.url.endsWith(INNER_CALLS_PATH)) return makeInnerCalls(request, env, gateway.queue);
    if (request.url.endsWith(LEAVING_PATH)) return answerLeaving(request, env);
    return gateway.fetch(request, env, context);
  },
  queue: gateway.queue,
  scheduled: gateway.scheduled,
};
