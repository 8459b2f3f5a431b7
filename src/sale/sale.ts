/**
 * The sale stage: a request that cannot succeed by the edge's copy of its product ends here, without a call to the object.
 *
 * The copy only refuses. That a sale goes on is decided by the object, by its own clock.
 */
import type { Context } from "hono";
import { decideRoundState, PAUSED_RETRY_SECONDS, secondsUntil } from "../../durable-objects/product/round-state.ts";
import type { ProductView } from "../../durable-objects/product/protocol.ts";
import { mayBeSpent } from "../../durable-objects/product/spent-filter.ts";
import type { AppEnv } from "../context.ts";
import { refuse } from "../problem.ts";
import { isProductName } from "../product-name.ts";
import type { Refusal } from "../refusal.ts";
import { type Answer, type Next, type Stage, together } from "../way.ts";
import { askProduct, readCopy, recallProduct } from "./product-copies.ts";

export interface SaleEnv extends AppEnv {
  Variables: AppEnv["Variables"] & { product: ProductView };
}

/** `jti`: which token it says that it is; null: it is none of ours. */
type TokenEnv = SaleEnv & { Variables: { readonly unverified: { readonly jti: string | null } } };

export interface FindOptions {
  /** Stands before a request that has to ask the object: made-up names must not wake one object each for nothing. */
  readonly beforeAsking: Stage;
}

/**
 * Finds the product in the edge's copies, or asks its object where there is no copy. A name that cannot be a product's is
 * not found without asking anybody.
 */
export function findProductWith({ beforeAsking }: FindOptions) {
  const findByAsking = together(beforeAsking, findProductInObject());
  return function findProductByCopy(c: Context<SaleEnv>, next: Next): Answer {
    const id = c.req.param("id") ?? "";
    if (!isProductName(id)) return refuse(c, { code: "not-found" });
    const { copyMaxAgeMs } = c.get("config").sale;
    const copy = readCopy(c.env, id, copyMaxAgeMs, (work) => c.executionCtx.waitUntil(work));
    if (copy !== undefined) return goOnWith(c, copy, next);
    noteRecalled(c, id);
    return findByAsking(c, next);
  };
}

/** For calls that need no product, but whose limits may differ around its opening: notes it where the isolate knows it, and asks nobody. */
export function noteProduct() {
  return function noteProductByCopy(c: Context<SaleEnv>, next: Next): Answer {
    noteRecalled(c, c.req.param("id") ?? "");
    return next(c);
  };
}

function noteRecalled(c: Context<SaleEnv>, id: string): void {
  const recalled = recallProduct(id);
  if (recalled !== undefined && recalled !== null) c.set("product", recalled);
}

function findProductInObject() {
  return async function askObject(c: Context<SaleEnv>, next: Next): Promise<Response> {
    const found = await askProduct(c.env, c.req.param("id") ?? "");
    return found.ok ? goOnWith(c, found.value, next) : refuse(c, found.refusal);
  };
}

function goOnWith(c: Context<SaleEnv>, product: ProductView | null, next: Next): Answer {
  if (product === null) return refuse(c, { code: "not-found" });
  c.set("product", product);
  return next(c);
}

/** Before a round opens nothing of it is handed out, by the gateway's clock. */
export function requireBegun() {
  return function refuseTooEarly(c: Context<SaleEnv>, next: Next): Answer {
    const { opensAt } = c.get("product");
    const now = Date.now();
    if (now >= opensAt || c.get("product").closed) return next(c);
    return refuse(c, { code: "too-early", opensAt, retryAfterSeconds: secondsUntil(opensAt, now) });
  };
}

/** Closed, paused, sold out and held out end here. */
export function requireStock() {
  return function refuseWithoutStock(c: Context<SaleEnv>, next: Next): Answer {
    const refusal = decideBySale(c.get("product"), Date.now());
    return refusal === null ? next(c) : refuse(c, refusal);
  };
}

/**
 * The same for a checkout, save that a token which may have made an order goes through: its buyer gets that order back,
 * however the sale stands by now. Looks at the token unverified: who forges one only gets to the verification.
 */
export function requireStockOrOrder() {
  return function refuseWithoutStock(c: Context<TokenEnv>, next: Next): Answer {
    const product = c.get("product");
    const refusal = decideBySale(product, Date.now());
    if (refusal === null || product.spent === null) return next(c);
    const { jti } = c.get("unverified");
    if (jti === null) return refuse(c, { code: "token-invalid" });
    return mayBeSpent(product.spent, jti) ? next(c) : refuse(c, refusal);
  };
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
