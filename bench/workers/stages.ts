/**
 * The gateway with a way cut short: a request with `Bench-Cut: n` runs the first n stages of its route and is answered 204
 * there. What n and n + 1 stages cost differs by the cost of one. Any other request is the gateway's own.
 *
 * The stages are taken from the app itself, in its order, so that the table cannot describe another way than the real one.
 */
import { Hono } from "hono";
import { app } from "../../src/app.ts";
import type { AppEnv } from "../../src/context.ts";
import gateway from "../../src/index.ts";
import { type Stage, type Way, way } from "../../src/way.ts";

export * from "../../src/index.ts";

const CUT_HEADER = "Bench-Cut";

const ROUTES = {
  token: "/v1/products/:id/tokens",
  checkout: "/v1/products/:id/checkout/:gate",
} as const;

/** The stages that a POST on the route meets, in order. */
function stagesOf(path: string): readonly Stage[] {
  const route = app.routes.find((each) => each.path === path && each.method === "POST");
  const handler: unknown = route?.handler;
  if (!isWay(handler)) throw new Error(`Expected a way at POST ${path}, found none`);
  return handler.stages;
}

function isWay(handler: unknown): handler is Way {
  return typeof handler === "function" && "stages" in handler;
}

/** By route, for every number of stages. */
const cuts = new Map<string, Hono<AppEnv>>();
for (const path of Object.values(ROUTES)) {
  const stages = stagesOf(path);
  for (let count = 0; count <= stages.length; count++) {
    const cut = new Hono<AppEnv>();
    cut.post(
      path,
      way(...stages.slice(0, count), (c) => c.body(null, 204)),
    );
    cuts.set(`${path} ${count}`, cut);
  }
}

export default {
  ...gateway,
  fetch(request: Request, env: Env, context: ExecutionContext) {
    const cut = request.headers.get(CUT_HEADER);
    if (cut !== null) {
      const path = request.url.endsWith("/tokens") ? ROUTES.token : ROUTES.checkout;
      return cuts.get(`${path} ${cut}`)?.fetch(request, env, context) ?? new Response(null, { status: 404 });
    }
    return gateway.fetch(request, env, context);
  },
} satisfies ExportedHandler<Env>;
