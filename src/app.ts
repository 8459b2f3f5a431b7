/**
 * The way of a request, in order: one statement a call, one word a stage. A request that is refused at a stage never
 * reaches the next; what is cheap stands before what is expensive, and nothing asks an object that the edge can decide by itself.
 *
 * Stages do not know one another. What one leaves for the next is in the context; what one needs of another is handed in here.
 */
import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { cancelOrder, holdStock, showOrder } from "./checkout/checkout.ts";
import { burnInLimiter } from "./challenge/burn.ts";
import { challengeErrors } from "./challenge/challenge-config.ts";
import { asksChallenge } from "./challenge/demand.ts";
import { requireChallenge } from "./challenge/require-challenge.ts";
import type { ChallengeKind } from "./challenge/kinds.ts";
import type { Config } from "./config.ts";
import type { AppEnv } from "./context.ts";
import { forgetControl, loadControl, refuseListedBuyer, refuseListedClient } from "./control/control.ts";
import { LIST_BODY_BYTES_MAX } from "./control/wire.ts";
import { requireDemo, signIn } from "./demo/identity.ts";
import { admit } from "./edge/admit.ts";
import { capBody } from "./edge/cap-body.ts";
import { answerFault, answerFaults, refuseMethods, refuseUnknown } from "./edge/no-route.ts";
import { identifyBuyer } from "./identity/identity.ts";
import { limitBy, refuseRemembered } from "./limits/limits.ts";
import { originOf } from "./limits/origin.ts";
import { parsePolicyOverride } from "./limits/override.ts";
import { objectOfAddress } from "./limits/rider.ts";
import {
  deleteOverride,
  putListEntries,
  putOverride,
  removeListEntries,
  showControlAudit,
  showLimits,
  showLists,
} from "./operator/control-routes.ts";
import { actOnRound, changeStock, putProduct, showAudit, showDocument } from "./operator/products.ts";
import { requireOperator } from "./operator/operator.ts";
import { findArchivedOrder } from "./origin/archived-orders.ts";
import { recordCancellation, recordPayment, verifyCallback } from "./origin/callbacks.ts";
import { listDeadLettersForOperator, replayDeadLetterForOperator } from "./origin/dead-letter-routes.ts";
import { giveOriginStockBack, takeOriginStock } from "./origin/origin-stock.ts";
import { showOpenApi } from "./reference/openapi.ts";
import { showProblem } from "./reference/problem-pages.ts";
import { accountsAlong } from "./risk/accounts-along.ts";
import { noteCheckoutSpeed } from "./risk/checkout-speed.ts";
import { countAccounts } from "./risk/count-accounts.ts";
import { weighRisk } from "./risk/risk.ts";
import { forgetProduct } from "./sale/product-copies.ts";
import { showProduct } from "./sale/product-page.ts";
import { findProductWith, noteProduct, requireBegun, requireStock, requireStockOrOrder } from "./sale/sale.ts";
import { publishKeys, tellTime } from "./time/time.ts";
import { requireHolder, requirePossession } from "./token/possession.ts";
import { handOutToken, readToken, readTokenRequest, requireGate, requireToken } from "./token/token.ts";
import { type Answer, fromHono, type Next, together, way } from "./way.ts";

/** Imports of lists come in bulk; every other body is small. */
const LARGER_BODIES = new Map([
  ["/v1/admin/lists", LIST_BODY_BYTES_MAX],
  ["/v1/admin/lists/remove", LIST_BODY_BYTES_MAX],
]);

export const app = new Hono<AppEnv>();

/** In front of every route. */
const edge = admit();
/**
 * In front of whatever reads a body, and of whatever looks at the request's headers first. Behind what needs neither: that is
 * what most requests of a sale are refused by, and the platform makes its objects only for who looks (decision 0036).
 */
const cap = capBody(LARGER_BODIES);
/** In front of every route that a browser of another origin may call: which must be able to read every answer, refused bodies too. */
const api = together(edge, allowOrigins(), answerFaults());
/** In front of every route for buyers: what operators changed, and whom they keep out. */
const sale = together(api, loadControl(), refuseListedClient());

app.get("/v1/time", way(api, tellTime()));

// For browsers. What the isolate can decide by itself comes first, signatures next, and only for those who are proven what
// is counted elsewhere; everything expensive happens where the token is issued, so that a checkout is one signature and one call.
const read = limitBy({ at: "read", part: "all" });
const findProduct = findProductWith({ beforeAsking: read });
const buyer = identifyBuyer();
const order = "/v1/products/:id/orders/:orderId";
app.get("/v1/products/:id", way(sale, findProduct, showProduct()));
app.post(
  "/v1/products/:id/tokens",
  way(
    sale,
    findProduct,
    requireStock(),
    refuseRemembered("token", { addressGivesWayFor: asksChallenge }),
    together(cap, limitBy({ at: "token", part: "sieves" })),
    together(buyer, refuseListedBuyer()),
    limitBy({ at: "token", part: "counts" }, { addressGivesWayFor: asksChallenge, countsAlong: accountsAlong }),
    together(requireHolder(), readTokenRequest()),
    // What is asked for depends on how it looks.
    weighRisk({ countAccounts, objectOfAddress, fingerprintOf: (cf) => originOf(cf).fingerprint }),
    requireChallenge({ burn: burnInLimiter() }),
    handOutToken(),
  ),
);
app.post(
  "/v1/products/:id/checkout/:gate",
  way(
    sale,
    findProduct,
    together(requireBegun(), requireGate(), cap, readToken(), requireStockOrOrder()),
    // One MAC, which costs no more than a sieve does: no stranger's forgery counts against an address. Proofs by a key cost ten times that.
    requireToken(),
    limitBy({ at: "checkout", part: "sieves" }),
    together(requirePossession(), noteCheckoutSpeed()),
    limitBy({ at: "checkout", part: "counts" }),
    holdStock({ forgetProduct }),
  ),
);
app.get(order, way(sale, noteProduct(), read, buyer, showOrder({ findArchived: findArchivedOrder })));
app.post(
  `${order}/cancel`,
  way(sale, noteProduct(), cap, read, buyer, cancelOrder({ forgetProduct, findArchived: findArchivedOrder })),
);

// For the origin: signed callbacks.
const fromOrigin = together(api, cap, verifyCallback());
const originOrder = "/v1/origin/products/:id/orders/:orderId";
const callbacks = { forgetProduct, findArchived: findArchivedOrder };
app.post(`${originOrder}/payment`, way(fromOrigin, recordPayment(callbacks)));
app.post(`${originOrder}/cancel`, way(fromOrigin, recordCancellation(callbacks)));

// For operators.
const operator = together(api, cap, requireOperator());
const options = {
  forgetProduct,
  takeOriginStock,
  giveOriginStockBack,
  challengeErrors: ({ challenge }: Config, kinds: readonly ChallengeKind[]) => challengeErrors(challenge, kinds),
};
const control = { forgetControl, parsePolicyOverride };
const product = "/v1/admin/products/:id";
app.put(product, way(operator, putProduct(options)));
app.get(product, way(operator, showDocument()));
app.post(`${product}/pause`, way(operator, actOnRound("pause", options)));
app.post(`${product}/resume`, way(operator, actOnRound("resume", options)));
app.post(`${product}/close`, way(operator, actOnRound("close", options)));
app.post(`${product}/stock`, way(operator, changeStock(options)));
app.get(`${product}/audit`, way(operator, showAudit()));
app.get("/v1/admin/lists", way(operator, showLists()));
app.post("/v1/admin/lists", way(operator, putListEntries(control)));
app.post("/v1/admin/lists/remove", way(operator, removeListEntries(control)));
app.get("/v1/admin/limits", way(operator, showLimits()));
app.put("/v1/admin/limits/:policy", way(operator, putOverride(control)));
app.delete("/v1/admin/limits/:policy", way(operator, deleteOverride(control)));
app.get("/v1/admin/audit", way(operator, showControlAudit()));
app.get("/v1/admin/dead-letters", way(operator, listDeadLettersForOperator()));
app.post("/v1/admin/dead-letters/:eventId/replay", way(operator, replayDeadLetterForOperator()));

// For everybody who reads.
app.get("/healthz", way(edge, showHealth));
app.get("/.well-known/jwks.json", way(edge, publishKeys()));
app.get("/openapi.json", way(edge, showOpenApi()));
app.get("/problems/:code", way(edge, showProblem()));
app.post("/demo/identity", way(edge, cap, requireDemo(), signIn()));

const nowhere = together(refuseMethods(app), refuseUnknown());
const [nowhereInApi, nowhereElse] = [way(api, nowhere), way(edge, nowhere)];
app.notFound((c) => (c.req.path.startsWith("/v1/") ? nowhereInApi(c) : nowhereElse(c)));
// What goes wrong before there is an answer to complete.
app.onError(answerFault);

function showHealth(c: Context): Response {
  return c.json({ ok: true });
}

/** Other web origins may call from a browser if the operator names them. No cookies: nothing here reads one. */
function allowOrigins() {
  const allow = cors({
    origin: (origin, c: Context<AppEnv>) => (c.get("config").gateway.allowedOrigins.includes(origin) ? origin : null),
    allowMethods: ["GET", "POST"],
    allowHeaders: ["Authorization", "Content-Type", "Purchase-Token", "DPoP", "traceparent"],
    exposeHeaders: [
      "X-Request-Id",
      "Retry-After",
      "RateLimit",
      "RateLimit-Policy",
      "Location",
      "Idempotency-Replayed",
      "ETag",
    ],
    maxAge: 600,
  });
  const allowListed = fromHono(allow);
  return function allowListedOrigins(c: Context<AppEnv>, next: Next): Answer {
    return c.get("config").gateway.allowedOrigins.length === 0 ? next(c) : allowListed(c, next);
  };
}
