/**
 * The HTTP face that every peer which sells has, on Node and on Workers alike, so that what is compared is the method behind it.
 *
 * It is the checkout of the wire contract as far as the bench needs it: the way to one unit, and the refusals on it. What it
 * gives up: the order's status, cancellation, replay with the order's own answer, and everything before the checkout.
 */
import { Hono } from "hono";
import type { ReadBuyer } from "./buyer.ts";

/** What a method may refuse, and the status of it. `overloaded`: it gave up, which its own retries should prevent. */
const REFUSALS = {
  "invalid-request": 400,
  "token-invalid": 403,
  "buyer-limit": 409,
  "sold-out": 410,
  "rate-limited": 429,
  overloaded: 503,
} as const;

export type SaleRefusal = keyof typeof REFUSALS;

export type Decision =
  | { readonly kind: "held"; readonly orderId: string }
  | { readonly kind: "refused"; readonly code: SaleRefusal };

/** Who wants a unit, from where, and the id that the order gets if there is one. */
export interface Wish {
  readonly buyerId: string;
  /** The client's address. */
  readonly client: string;
  readonly orderId: string;
}

/** How a peer decides about one unit. */
export type Hold = (wish: Wish) => Promise<Decision>;

/** A refusal, made once: most answers of a sale are one of a few. */
export function refuse(code: SaleRefusal): Decision {
  return { kind: "refused", code };
}

const ONE_UNIT = 1;

const BODIES = new Map(
  Object.entries(REFUSALS).map(([code, status]) => [
    code,
    JSON.stringify({ type: `/problems/${code}`, title: code, status, code }),
  ]),
);

const PROBLEM = { "Content-Type": "application/problem+json" };

/** The checkout. Whoever serves it adds the bench's own routes. */
export function saleFace(hold: Hold, readBuyer: ReadBuyer): Hono {
  const app = new Hono();
  app.post("/v1/products/bench/checkout/:gate", async (c) => {
    const decision = await decide(c.req.raw, hold, readBuyer);
    if (decision.kind === "held") return c.json({ orderId: decision.orderId, status: "held", quantity: ONE_UNIT }, 202);
    return c.body(BODIES.get(decision.code) ?? "", REFUSALS[decision.code], PROBLEM);
  });
  return app;
}

/** Requests in this process that have no decision yet. */
let underWay = 0;

/** Whether every request is decided: those of a generator that has left are finished, too. */
export function isIdle(): boolean {
  return underWay === 0;
}

async function decide(request: Request, hold: Hold, readBuyer: ReadBuyer): Promise<Decision> {
  underWay++;
  try {
    return await decideOne(request, hold, readBuyer);
  } finally {
    underWay--;
  }
}

async function decideOne(request: Request, hold: Hold, readBuyer: ReadBuyer): Promise<Decision> {
  const buyerId = await readBuyer(request.headers.get("Purchase-Token"));
  if (buyerId === null) return refuse("token-invalid");
  if ((await readQuantity(request)) !== ONE_UNIT) return refuse("invalid-request");
  return hold({ buyerId, client: request.headers.get("CF-Connecting-IP") ?? "unknown", orderId: crypto.randomUUID() });
}

async function readQuantity(request: Request): Promise<unknown> {
  try {
    const body: unknown = await request.json();
    return body !== null && typeof body === "object" && "quantity" in body ? body.quantity : undefined;
  } catch {
    return undefined;
  }
}
