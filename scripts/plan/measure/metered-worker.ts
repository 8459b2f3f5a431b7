/** The Worker's entry while calls and rows are counted: the gateway as it is bundled, with its bindings and storage wrapped. */
import gateway, * as exported from "sluice-gateway";
import { COSTS_PATH, SIDE_HEADER } from "../../attack/cost/cost.ts";
import { asRequestOf, countEnv, readCosts } from "../../attack/cost/counting.ts";
import { answerLeaving, countOrders, type Leaving, LEAVING_PATH, letOrdersLeave, type Stored } from "./leaving.ts";
import { type MeteredContext, meterRows, readRows, ROWS_PATH } from "./rows.ts";

export * from "sluice-gateway";

export class ProductObject extends exported.ProductObject {
  readonly #stored: () => number;

  constructor(context: unknown, env: object) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- workerd's
    const stored = countOrders(context as Stored);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- workerd's
    meterRows("product", context as MeteredContext);
    super(context, countEnv(env));
    this.#stored = stored;
  }

  letOrdersLeave() {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the gateway's own product object
    return letOrdersLeave(this as unknown as Leaving, this.#stored);
  }
}

export class LimiterObject extends exported.LimiterObject {
  constructor(context: unknown, env: object) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- workerd's
    meterRows("limiter", context as MeteredContext);
    super(context, countEnv(env));
  }
}

export default {
  fetch(request: Request, env: object, context: unknown) {
    if (request.url.endsWith(COSTS_PATH)) return Response.json(readCosts());
    if (request.url.endsWith(ROWS_PATH)) return Response.json(readRows());
    if (request.url.endsWith(LEAVING_PATH)) return answerLeaving(request, env);
    return asRequestOf(request.headers.get(SIDE_HEADER), () => gateway.fetch(request, countEnv(env), context));
  },
  queue: (batch: unknown, env: object, context: unknown) => gateway.queue(batch, countEnv(env), context),
  scheduled: (event: unknown, env: object, context: unknown) => gateway.scheduled(event, countEnv(env), context),
};
