/** The Worker's entry while costs are measured: the gateway as it is bundled, and one path that makes inner calls. */
import gateway from "sluice-gateway";
import { INNER_CALLS_PATH, makeInnerCalls } from "./inner-calls.ts";

export * from "sluice-gateway";

export default {
  fetch(request: Request, env: object, context: unknown) {
    if (request.url.endsWith(INNER_CALLS_PATH)) return makeInnerCalls(request, env, gateway.queue);
    return gateway.fetch(request, env, context);
  },
  queue: gateway.queue,
  scheduled: gateway.scheduled,
};
