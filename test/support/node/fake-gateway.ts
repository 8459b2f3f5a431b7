/**
 * A small gateway for tests of the page: true to the wire contract as far as a browser sees it, and steerable into states
 * that are rare or slow in the real one (paused, refund due, lost answers, overload).
 *
 * It serves the page's static files with the headers of `public/_headers`. It decides about stock in the simplest way and
 * proves nothing about the gateway: that is what the tests with the real one are for.
 */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { extname, join } from "node:path";

export type Route = "time" | "product" | "token" | "checkout" | "order" | "cancel" | "identity";
export type FakeOrderStatus = "held" | "paid" | "cancelled" | "expired" | "refund_due";

export interface FakeOrder {
  orderId: string;
  buyerId: string;
  status: FakeOrderStatus;
  quantity: number;
  holdExpiresAt: number;
  createdAt: number;
  delivered: boolean;
}

/** What becomes of one request, instead of the usual answer. */
export interface Interference {
  /** Waits before anything else happens, in milliseconds. */
  readonly delayMs?: number;
  /** The request has its effect, and the connection is cut instead of answered (F2). */
  readonly loseAnswer?: boolean;
  /** A refusal in place of everything else. */
  readonly problem?: { readonly status: number; readonly code: string; readonly retryAfterSeconds?: number };
}

export interface SeenRequest {
  readonly route: Route | "static";
  readonly method: string;
  readonly path: string;
  readonly token: string | undefined;
  readonly body: string;
}

export interface FakeProduct {
  title: string;
  price: number;
  currency: string;
  round: number;
  opensAt: number;
  closesAt: number;
  perBuyerLimit: number;
  holdSeconds: number;
  stock: number;
  /** Stands in for the state that time and stock give. */
  forcedState: "paused" | "closed" | "held-out" | "sold-out" | undefined;
}

export interface FakeGateway {
  readonly url: string;
  readonly product: FakeProduct;
  readonly orders: Map<string, FakeOrder>;
  readonly seen: SeenRequest[];
  /** The next requests of a route, in turn. */
  readonly interfere: (route: Route, ...interferences: Interference[]) => void;
  readonly count: (route: Route) => number;
  readonly stop: () => Promise<void>;
}

export interface FakeGatewayOptions {
  /** Where sale.js was built to; the other files come from public/. */
  readonly scripts: string;
  readonly product?: Partial<FakeProduct>;
  /** Added to this machine's clock, in milliseconds: the gateway's clock is its own. @default 0 */
  readonly clockAheadMs?: number;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const PUBLIC = join(import.meta.dirname, "../../../public");
const GATE = "gate-of-the-fake";
const TOKEN_LIFETIME_MS = 120_000;
const MEDIA_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};
const STATUS_OF_STATE = {
  paused: [503, "paused"],
  closed: [410, "round-closed"],
  "held-out": [409, "held-out"],
  "sold-out": [410, "sold-out"],
} as const;

export async function startFakeGateway(options: FakeGatewayOptions): Promise<FakeGateway> {
  const now = () => Date.now() + (options.clockAheadMs ?? 0);
  const product: FakeProduct = {
    title: "Trail lamp, first batch",
    price: 1999,
    currency: "EUR",
    round: 1,
    opensAt: now() - 1_000,
    closesAt: now() + 3_600_000,
    perBuyerLimit: 1,
    holdSeconds: 300,
    stock: 5,
    forcedState: undefined,
    ...options.product,
  };
  const orders = new Map<string, FakeOrder>();
  const ordersByToken = new Map<string, FakeOrder>();
  const buyersByToken = new Map<string, string>();
  const interferences = new Map<Route, Interference[]>();
  const seen: SeenRequest[] = [];

  function unitsIn(...statuses: FakeOrderStatus[]): number {
    return [...orders.values()]
      .filter(({ status }) => statuses.includes(status))
      .reduce((sum, { quantity }) => sum + quantity, 0);
  }

  function stateNow(): "upcoming" | "open" | keyof typeof STATUS_OF_STATE {
    if (product.forcedState !== undefined) return product.forcedState;
    if (now() < product.opensAt) return "upcoming";
    if (now() >= product.closesAt) return "closed";
    if (unitsIn("paid") >= product.stock) return "sold-out";
    return unitsIn("paid", "held") >= product.stock ? "held-out" : "open";
  }

  function refusalByState(): Answer | undefined {
    const state = stateNow();
    if (state === "upcoming") {
      const retryAfterSeconds = Math.ceil((product.opensAt - now()) / 1000);
      return problem(425, "too-early", retryAfterSeconds, { opensAt: product.opensAt });
    }
    if (state === "open") return undefined;
    const [status, code] = STATUS_OF_STATE[state];
    const releases = [...orders.values()]
      .filter((order) => order.status === "held")
      .map((order) => order.holdExpiresAt);
    const nextReleaseAt = Math.min(...releases, now() + product.holdSeconds * 1000);
    if (code === "held-out") return problem(status, code, Math.ceil((nextReleaseAt - now()) / 1000), { nextReleaseAt });
    return problem(status, code, code === "paused" ? 2 : undefined);
  }

  function told(order: FakeOrder): Record<string, unknown> {
    const { buyerId: _buyer, ...rest } = order;
    return {
      ...rest,
      productId: "demo",
      round: product.round,
      updatedAt: now(),
      statusUrl: `/v1/products/demo/orders/${order.orderId}`,
    };
  }

  function hold(token: string, quantity: number): Answer {
    const known = ordersByToken.get(token);
    if (known !== undefined) return { status: 200, body: told(known), headers: { "Idempotency-Replayed": "true" } };
    const buyerId = buyersByToken.get(token);
    if (buyerId === undefined) return problem(403, "token-invalid");
    const refusal = refusalByState();
    if (refusal !== undefined) return refusal;
    const order: FakeOrder = {
      orderId: `ord_${randomUUID().replaceAll("-", "")}`,
      buyerId,
      status: "held",
      quantity,
      holdExpiresAt: now() + product.holdSeconds * 1000,
      createdAt: now(),
      delivered: false,
    };
    orders.set(order.orderId, order);
    ordersByToken.set(token, order);
    const body = told(order);
    return { status: 202, body, headers: { Location: String(body["statusUrl"]) } };
  }

  function answer(route: Route, request: IncomingMessage, path: string, body: string): Answer {
    const fields: Readonly<Record<string, unknown>> = body === "" ? {} : JSON.parse(body);
    const buyerId = request.headers.authorization?.replace("Bearer fake.", "");
    if (route === "time") return { status: 200, body: { now: now() } };
    if (route === "identity") return { status: 200, body: { token: `fake.${String(fields["buyerId"])}` } };
    if (route === "product") {
      const { stock: _stock, forcedState: _forced, ...rules } = product;
      const tokenUrl = stateNow() === "open" ? { tokenUrl: "/v1/products/demo/tokens" } : {};
      const headers = { "Cache-Control": "public, max-age=1" };
      return { status: 200, body: { id: "demo", ...rules, state: stateNow(), challenges: [], ...tokenUrl }, headers };
    }
    if (route === "checkout") return hold(String(request.headers["purchase-token"]), Number(fields["quantity"]));
    if (buyerId === undefined) return problem(401, "identity-required");
    if (route === "token") {
      const refusal = refusalByState();
      if (refusal !== undefined) return refusal;
      const token = `token-${randomUUID()}`;
      buyersByToken.set(token, buyerId);
      const checkoutUrl = `/v1/products/demo/checkout/${GATE}`;
      return { status: 201, body: { token, expiresAt: now() + TOKEN_LIFETIME_MS, checkoutUrl } };
    }
    const order = orders.get(path.split("/")[5] ?? "");
    if (order === undefined || order.buyerId !== buyerId) return problem(404, "not-found");
    if (order.status === "held" && now() >= order.holdExpiresAt) order.status = "expired";
    if (route === "cancel" && order.status === "held") order.status = "cancelled";
    return { status: 200, body: told(order) };
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? "/", "http://fake").pathname;
    const route = routeOf(request.method ?? "GET", path);
    const body = await readBody(request);
    const token = request.headers["purchase-token"];
    seen.push({ route: route ?? "static", method: request.method ?? "GET", path, token: token?.toString(), body });
    if (route === undefined) return serveStatic(path, response, options.scripts);
    const interference = interferences.get(route)?.shift();
    if (interference?.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, interference.delayMs));
    const wanted = interference?.problem;
    const given =
      wanted === undefined
        ? answer(route, request, path, body)
        : problem(wanted.status, wanted.code, wanted.retryAfterSeconds);
    if (interference?.loseAnswer === true) return void request.socket.destroy();
    response.writeHead(given.status, {
      "Content-Type": given.status < 400 ? "application/json" : "application/problem+json",
      "Cache-Control": "no-store",
      "X-Request-Id": randomUUID(),
      ...given.headers,
    });
    response.end(JSON.stringify(given.body));
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((fault: unknown) => {
      response.writeHead(500).end(String(fault));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The fake gateway must listen on a port");

  return {
    url: `http://127.0.0.1:${address.port}`,
    product,
    orders,
    seen,
    interfere: (route, ...more) => interferences.set(route, [...(interferences.get(route) ?? []), ...more]),
    count: (route) => seen.filter((request) => request.route === route).length,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function problem(status: number, code: string, retryAfterSeconds?: number, fields: object = {}): Answer {
  const headers = retryAfterSeconds === undefined ? {} : { "Retry-After": String(retryAfterSeconds) };
  return { status, body: { type: `/problems/${code}`, title: code, status, code, detail: code, ...fields }, headers };
}

function routeOf(method: string, path: string): Route | undefined {
  const routes: readonly (readonly [string, RegExp, Route])[] = [
    ["GET", /^\/v1\/time$/, "time"],
    ["POST", /^\/demo\/identity$/, "identity"],
    ["GET", /^\/v1\/products\/demo$/, "product"],
    ["POST", /^\/v1\/products\/demo\/tokens$/, "token"],
    ["POST", /^\/v1\/products\/demo\/checkout\/[\w-]+$/, "checkout"],
    ["GET", /^\/v1\/products\/demo\/orders\/\w+$/, "order"],
    ["POST", /^\/v1\/products\/demo\/orders\/\w+\/cancel$/, "cancel"],
  ];
  return routes.find(([wanted, pattern]) => wanted === method && pattern.test(path))?.[2];
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
  return body;
}

/** One of the page's four files, with the headers that `public/_headers` gives to every path. */
async function serveStatic(path: string, response: ServerResponse, scripts: string): Promise<void> {
  const name = path === "/" ? "index.html" : path.slice(1);
  if (!["index.html", "style.css", "sale.js", "sluice.js"].includes(name)) {
    response.writeHead(404, { "Content-Type": "application/problem+json" });
    response.end(JSON.stringify(problem(404, "not-found").body));
    return;
  }
  const [rules, content] = await Promise.all([
    readFile(join(PUBLIC, "_headers"), "utf8"),
    readFile(join(name.endsWith(".js") ? scripts : PUBLIC, name)),
  ]);
  const common = /^\/\*\n((?: {2}.+\n)+)/m.exec(rules)?.[1] ?? "";
  const headers = [...common.matchAll(/^ {2}([\w-]+): (.+)$/gm)].map((match) => [match[1] ?? "", match[2] ?? ""]);
  response.writeHead(200, {
    ...Object.fromEntries(headers),
    "Content-Type": MEDIA_TYPES[extname(name)] ?? "text/plain",
  });
  response.end(content);
}
