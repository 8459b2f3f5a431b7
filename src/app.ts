/**
 * The way of a request, in order: one statement a call, one word a stage. A request that is refused at a stage never
 * reaches the next; what is cheap stands before what is expensive, and nothing asks an object that the edge can decide by itself.
 *
 * Stages do not know one another. What one leaves for the next is in the context; what one needs of another is handed in here.
 */
import { type Context, Hono } from "hono";
import { every } from "hono/combine";
import { cors } from "hono/cors";
import { createMiddleware } from "hono/factory";
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
import { answerFault, refuseMethods, refuseUnknown } from "./edge/no-route.ts";
import { guards } from "./guards.ts";
import { identifyBuyer } from "./identity/identity.ts";
import { limitBy } from "./limits/limits.ts";
import { originOf } from "./limits/origin.ts";
import { parsePolicyOverride } from "./limits/override.ts";
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
import { noteCheckoutSpeed } from "./risk/checkout-speed.ts";
import { countAccounts } from "./risk/count-accounts.ts";
import { weighRisk } from "./risk/risk.ts";
import { forgetProduct } from "./sale/product-copies.ts";
import { showProduct } from "./sale/product-page.ts";
import { findProductWith, noteProduct, requireBegun, requireStock, requireStockOrOrder } from "./sale/sale.ts";
import { publishKeys, tellTime } from "./time/time.ts";
import { requireHolder, requirePossession } from "./token/possession.ts";
import { handOutToken, readToken, readTokenRequest, requireGate, requireToken } from "./token/token.ts";

/** Imports of lists come in bulk; every other body is small. */
const LARGER_BODIES = new Map([
  ["/v1/admin/lists", LIST_BODY_BYTES_MAX],
  ["/v1/admin/lists/remove", LIST_BODY_BYTES_MAX],
]);

export const app = new Hono<AppEnv>();

app.use(guards(admit(), capBody(LARGER_BODIES)));
app.use("/v1/*", allowOrigins());
app.get("/v1/time", tellTime());
app.use("/v1/products/*", guards(loadControl(), refuseListedClient()));

// For browsers. What the isolate can decide by itself comes first, signatures next, and only for those who are proven what
// is counted elsewhere; everything expensive happens where the token is issued, so that a checkout is one signature and one call.
const read = limitBy({ at: "read", part: "all" });
const findProduct = findProductWith({ beforeAsking: read });
const order = "/v1/products/:id/orders/:orderId";
app.get("/v1/products/:id", findProduct, showProduct());
app.post(
  "/v1/products/:id/tokens",
  findProduct,
  requireStock(),
  limitBy({ at: "token", part: "sieves" }),
  guards(identifyBuyer(), refuseListedBuyer()),
  limitBy({ at: "token", part: "counts" }, { addressGivesWayFor: asksChallenge }),
  guards(requireHolder(), readTokenRequest()),
  // What is asked for depends on how it looks.
  every(
    weighRisk({ countAccounts, fingerprintOf: (cf) => originOf(cf).fingerprint }),
    requireChallenge({ burn: burnInLimiter() }),
  ),
  handOutToken(),
);
app.post(
  "/v1/products/:id/checkout/:gate",
  findProduct,
  guards(requireBegun(), requireGate(), readToken(), requireStockOrOrder()),
  limitBy({ at: "checkout", part: "sieves" }),
  // Whose token it is, and how soon it came.
  guards(requireToken(), requirePossession(), noteCheckoutSpeed()),
  limitBy({ at: "checkout", part: "counts" }),
  holdStock({ forgetProduct }),
);
app.get(order, noteProduct(), read, identifyBuyer(), showOrder({ findArchived: findArchivedOrder }));
app.post(
  `${order}/cancel`,
  noteProduct(),
  read,
  identifyBuyer(),
  cancelOrder({ forgetProduct, findArchived: findArchivedOrder }),
);

// For the origin: signed callbacks.
const originOrder = "/v1/origin/products/:id/orders/:orderId";
app.post(`${originOrder}/payment`, verifyCallback(), recordPayment({ forgetProduct, findArchived: findArchivedOrder }));
app.post(
  `${originOrder}/cancel`,
  verifyCallback(),
  recordCancellation({ forgetProduct, findArchived: findArchivedOrder }),
);

// For operators.
const options = {
  forgetProduct,
  takeOriginStock,
  giveOriginStockBack,
  challengeErrors: ({ challenge }: Config, kinds: readonly ChallengeKind[]) => challengeErrors(challenge, kinds),
};
const control = { forgetControl, parsePolicyOverride };
const product = "/v1/admin/products/:id";
app.put(product, requireOperator(), putProduct(options));
app.get(product, requireOperator(), showDocument());
app.post(`${product}/pause`, requireOperator(), actOnRound("pause", options));
app.post(`${product}/resume`, requireOperator(), actOnRound("resume", options));
app.post(`${product}/close`, requireOperator(), actOnRound("close", options));
app.post(`${product}/stock`, requireOperator(), changeStock(options));
app.get(`${product}/audit`, requireOperator(), showAudit());
app.get("/v1/admin/lists", requireOperator(), showLists());
app.post("/v1/admin/lists", requireOperator(), putListEntries(control));
app.post("/v1/admin/lists/remove", requireOperator(), removeListEntries(control));
app.get("/v1/admin/limits", requireOperator(), showLimits());
app.put("/v1/admin/limits/:policy", requireOperator(), putOverride(control));
app.delete("/v1/admin/limits/:policy", requireOperator(), deleteOverride(control));
app.get("/v1/admin/audit", requireOperator(), showControlAudit());
app.get("/v1/admin/dead-letters", requireOperator(), listDeadLettersForOperator());
app.post("/v1/admin/dead-letters/:eventId/replay", requireOperator(), replayDeadLetterForOperator());

// For everybody who reads.
app.get("/healthz", (c) => c.json({ ok: true }));
app.get("/.well-known/jwks.json", publishKeys());
app.get("/openapi.json", showOpenApi());
app.get("/problems/:code", showProblem());
app.post("/demo/identity", requireDemo(), signIn());

refuseMethods(app);
app.notFound(refuseUnknown());
app.onError(answerFault());

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
  return createMiddleware<AppEnv>((c, next) =>
    c.get("config").gateway.allowedOrigins.length === 0 ? next() : allow(c, next),
  );
}
