/**
 * The sale stage: a request that cannot succeed by the edge's copy of its product ends here, without a call to the object.
 *
 * The copy only refuses. That a sale goes on is decided by the object, by its own clock.
 */
import { createMiddleware } from "hono/factory";
import { decideRoundState, secondsUntil } from "../../durable-objects/product/round-state.ts";
import type { ProductView } from "../../durable-objects/product/protocol.ts";
import { mayBeSpent } from "../../durable-objects/product/spent-filter.ts";
import type { AppEnv } from "../context.ts";
import { refuse } from "../problem.ts";
import type { Refusal } from "../refusal.ts";
import { readProduct } from "./product-copies.ts";

/** What a buyer is asked to wait while the operator has paused the sale. */
const PAUSED_RETRY_SECONDS = 5;
const PRODUCT_ID = /^[a-z0-9-]{1,64}$/;

export interface SaleEnv extends AppEnv {
  Variables: AppEnv["Variables"] & { product: ProductView };
}

/** Finds the product in the edge's copies. A name that cannot be one is not found without asking anybody. */
export function findProduct() {
  return createMiddleware<SaleEnv>(async function findProductByCopy(c, next) {
    const id = c.req.param("id") ?? "";
    if (!PRODUCT_ID.test(id)) return refuse(c, { code: "not-found" });
    const { copyMaxAgeMs } = c.get("config").sale;
    const found = await readProduct(c.env, id, copyMaxAgeMs, (work) => c.executionCtx.waitUntil(work));
    if (!found.ok) return refuse(c, found.refusal);
    if (found.value === null) return refuse(c, { code: "not-found" });
    c.set("product", found.value);
    return next();
  });
}

/** Before a round opens nothing of it is handed out, by the gateway's clock. */
export function requireBegun() {
  return createMiddleware<SaleEnv>(async function refuseTooEarly(c, next) {
    const { opensAt } = c.get("product");
    const now = Date.now();
    if (now >= opensAt || c.get("product").closed) return next();
    return refuse(c, { code: "too-early", opensAt, retryAfterSeconds: secondsUntil(opensAt, now) });
  });
}

/** Closed, paused, sold out and held out end here. */
export function requireStock() {
  return createMiddleware<SaleEnv>(async function refuseWithoutStock(c, next) {
    const refusal = decideBySale(c.get("product"), Date.now());
    return refusal === null ? next() : refuse(c, refusal);
  });
}

/**
 * The same for a checkout, save that a token which may have made an order goes through: its buyer gets that order back,
 * however the sale stands by now. Reads the token unverified: who forges one only gets to the verification.
 */
export function requireStockOrOrder() {
  return createMiddleware<SaleEnv & { Variables: { readonly jti: string } }>(
    async function refuseWithoutStock(c, next) {
      const product = c.get("product");
      const refusal = decideBySale(product, Date.now());
      if (refusal === null || product.spent === null || mayBeSpent(product.spent, c.get("jti"))) return next();
      return refuse(c, refusal);
    },
  );
}

/** What the copy refuses at `now`; null when the object has to be asked. */
export function decideBySale(product: ProductView, now: number): Refusal | null {
  const state = decideRoundState(product, now);
  switch (state) {
    case "upcoming":
      return { code: "too-early", opensAt: product.opensAt, retryAfterSeconds: secondsUntil(product.opensAt, now) };
    case "closed":
      return { code: "round-closed" };
    case "paused":
      return { code: "paused", retryAfterSeconds: PAUSED_RETRY_SECONDS };
    case "sold-out":
      return { code: "sold-out", available: 0 };
    case "held-out":
      if (product.nextReleaseAt === null || product.nextReleaseAt <= now) return null;
      return {
        code: "held-out",
        nextReleaseAt: product.nextReleaseAt,
        retryAfterSeconds: secondsUntil(product.nextReleaseAt, now),
      };
    case "open":
      return null;
  }
}
