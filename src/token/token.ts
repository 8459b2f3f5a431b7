/** The token stage: hands out purchase tokens, and lets a checkout on only with one. The gate is its first half. */
import type { Context } from "hono";
import type { ProductView } from "../../durable-objects/product/protocol.ts";
import type { Config } from "../config.ts";
import type { AppEnv, BuyerEnv } from "../context.ts";
import { answerJson, UNCACHED_JSON } from "../answer.ts";
import { readJson } from "../body.ts";
import { refuse } from "../problem.ts";
import type { Answer, Next } from "../way.ts";
import { tokenRequest } from "../wire/requests.ts";
import type { HolderVariables } from "./possession.ts";
import {
  issueToken,
  type PurchaseToken,
  readTokenShape,
  type TokenRing,
  type UnverifiedToken,
  verifyToken,
} from "./purchase-token.ts";

interface OfProduct {
  readonly product: ProductView;
}

type HandOutEnv = ProductEnv<BuyerEnv & { Variables: BuyerEnv["Variables"] & HolderVariables }>;
type ProductEnv<Env extends AppEnv> = Env & { Variables: Env["Variables"] & OfProduct };
type TokenEnv = AppEnv & {
  Variables: AppEnv["Variables"] & OfProduct & { unverified: UnverifiedToken; token: PurchaseToken };
};

function ringOf({ gateway, token }: Config): TokenRing {
  return { gateway: gateway.name, keys: token.keys };
}

/** POST /v1/products/{id}/tokens: everything before has agreed. The gate is told to nobody earlier. */
export function handOutToken() {
  return async function handOutPurchaseToken(c: Context<HandOutEnv>): Promise<Response> {
    const { id, round, gate } = c.get("product");
    const { lifetimeMs } = c.get("config").token;
    const holder = { buyerId: c.get("buyer").id, productId: id, round, jkt: c.get("jkt") };
    const { text, expiresAt } = await issueToken(ringOf(c.get("config")), holder, lifetimeMs, Date.now());
    const handedOut = { token: text, expiresAt, checkoutUrl: `/v1/products/${id}/checkout/${gate}` };
    return answerJson(c, handedOut, 201, UNCACHED_JSON);
  };
}

/** The request's body must be one that this call takes. */
export function readTokenRequest() {
  return async function refuseOtherBodies(c: Context<AppEnv>, next: Next): Promise<Response> {
    const body = await readJson(c, tokenRequest, {});
    return body.ok ? next(c) : refuse(c, body.refusal);
  };
}

/** The last segment of the checkout URL must be the round's gate. */
export function requireGate() {
  return function refuseWrongGate(c: Context<ProductEnv<AppEnv>>, next: Next): Answer {
    if (!isSameGate(c.req.param("gate") ?? "", c.get("product").gate)) return refuse(c, { code: "gate-invalid" });
    return next(c);
  };
}

/** A purchase token of the right shape must be there. Costs no signature check. */
export function readToken() {
  return function refuseMalformedToken(c: Context<TokenEnv>, next: Next): Answer {
    const shape = readTokenShape(c.req.header("Purchase-Token"));
    if (!shape.ok) return refuse(c, shape.refusal);
    c.set("unverified", shape.value);
    return next(c);
  };
}

/** The token must be ours, for this product, and its time not over. */
export function requireToken() {
  return async function refuseForeignToken(c: Context<TokenEnv>, next: Next): Promise<Response> {
    const verified = await verifyToken(ringOf(c.get("config")), c.get("unverified"), c.get("product").id, Date.now());
    if (!verified.ok) return refuse(c, verified.refusal);
    c.set("token", verified.value);
    return next(c);
  };
}

/** Takes as long whatever differs, save the length, which is no secret. Text by text: bytes of both to compare would take ten times as long. */
function isSameGate(given: string, wanted: string): boolean {
  if (given.length !== wanted.length) return false;
  let difference = 0;
  for (let index = 0; index < wanted.length; index++) difference |= given.charCodeAt(index) ^ wanted.charCodeAt(index);
  return difference === 0;
}
