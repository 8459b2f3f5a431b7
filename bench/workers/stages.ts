/**
 * The gateway with a way cut short: a request with `Bench-Cut: n` runs the first n handlers of its route and is answered 204
 * there. What n and n + 1 handlers cost differs by the cost of one. Any other request is the gateway's own.
 *
 * The handlers are taken from the app itself, in its order, so that the table cannot describe another way than the real one.
 */
import { Hono, type MiddlewareHandler } from "hono";
import { app } from "../../src/app.ts";
import type { AppEnv } from "../../src/context.ts";
import gateway from "../../src/index.ts";

export * from "../../src/index.ts";

const CUT_HEADER = "Bench-Cut";
/** Tells the names of a route's handlers. */
const HANDLERS_PATH = "/bench/handlers";

const ROUTES = {
  token: "/v1/products/:id/tokens",
  checkout: "/v1/products/:id/checkout/:gate",
} as const;

type Route = keyof typeof ROUTES;

/** Paths of what stands before every route of products. */
const BEFORE = new Set(["/*", "*", "/v1/*", "/v1/products/*"]);

/** The handlers that a POST on the route meets, in order; what the app adds for other methods comes last and is left out. */
function handlersOf(path: string) {
  return app.routes.filter(
    (route) => (route.path === path && route.method === "POST") || (BEFORE.has(route.path) && route.method === "ALL"),
  );
}

/** By route, for every number of handlers. */
const cuts = new Map<string, Hono<AppEnv>>();
for (const path of Object.values(ROUTES)) {
  const handlers = handlersOf(path);
  for (let count = 0; count <= handlers.length; count++) {
    const cut = new Hono<AppEnv>();
    for (const { handler } of handlers.slice(0, count)) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- whatever it is, the app calls it in the same way
      cut.post(path, handler as MiddlewareHandler<AppEnv>);
    }
    cut.post(path, (c) => c.body(null, 204));
    cuts.set(`${path} ${count}`, cut);
  }
}

function isRoute(name: string): name is Route {
  return name in ROUTES;
}

export default {
  ...gateway,
  fetch(request: Request, env: Env, context: ExecutionContext) {
    const cut = request.headers.get(CUT_HEADER);
    if (cut !== null) {
      const path = request.url.endsWith("/tokens") ? ROUTES.token : ROUTES.checkout;
      return cuts.get(`${path} ${cut}`)?.fetch(request, env, context) ?? new Response(null, { status: 404 });
    }
    const url = new URL(request.url);
    if (url.pathname === HANDLERS_PATH) {
      const route = url.searchParams.get("route") ?? "";
      return Response.json(isRoute(route) ? handlersOf(ROUTES[route]).map(({ handler }) => handler.name) : []);
    }
    return gateway.fetch(request, env, context);
  },
} satisfies ExportedHandler<Env>;
