/** The Worker's entry during an attack: the gateway as it is bundled, with its bindings counted. See counting.ts. */
import gateway, * as exported from "sluice-gateway";
import { COSTS_PATH, SIDE_HEADER } from "./cost.ts";
import { asRequestOf, countEnv, readCosts } from "./counting.ts";

export * from "sluice-gateway";

export class ProductObject extends exported.ProductObject {
  constructor(context: unknown, env: object) {
    super(context, countEnv(env));
  }
}

export class LimiterObject extends exported.LimiterObject {
  constructor(context: unknown, env: object) {
    super(context, countEnv(env));
  }
}

export default {
  fetch(request: Request, env: object, context: unknown) {
    if (new URL(request.url).pathname === COSTS_PATH) return Response.json(readCosts());
    return asRequestOf(request.headers.get(SIDE_HEADER), () => gateway.fetch(request, countEnv(env), context));
  },
  queue: (batch: unknown, env: object, context: unknown) => gateway.queue(batch, countEnv(env), context),
  scheduled: (event: unknown, env: object, context: unknown) => gateway.scheduled(event, countEnv(env), context),
};
