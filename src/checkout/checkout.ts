/**
 * The checkout stage: the Worker's side of the product object, for buyers. Hold, status, cancellation.
 *
 * It decides nothing: who is allowed to come here was decided before, and what becomes of the stock the object decides.
 */
import type { Context } from "hono";
import type { OrderView, ProductView } from "../../durable-objects/product/protocol.ts";
import { ORDER_ID_PATTERN } from "../../durable-objects/product/order-id.ts";
import { alikeJson, answerJson, UNCACHED } from "../answer.ts";
import { causeOf } from "../cause.ts";
import type { AppEnv, BuyerEnv } from "../context.ts";
import { readJson } from "../body.ts";
import { changeOrder, type FindArchived, readOrder } from "../order-calls.ts";
import { type Packed, unpack } from "../packed.ts";
import { callProduct } from "../product-calls.ts";
import { refuse } from "../problem.ts";
import type { RefusalCode } from "../refusal.ts";
import { isProductName } from "../product-name.ts";
import { ok, type Result } from "../result.ts";
import { digestClient } from "./client-digest.ts";
import type { HoldCalls } from "./hold-line.ts";
import { holdInLine } from "./hold-lines.ts";
import { checkoutRequest, emptyRequest } from "../wire/requests.ts";
import { publicOrder } from "../wire/responses.ts";

interface HoldVariables {
  readonly product: ProductView;
  readonly token: { readonly jti: string; readonly buyerId: string; readonly round: number };
}

type HoldEnv = AppEnv & { Variables: AppEnv["Variables"] & HoldVariables };

/** Refusals that say nothing of the product's state. */
const ABOUT_THE_BUYER: ReadonlySet<RefusalCode> = new Set(["hold-open", "buyer-limit", "hoarding", "token-mismatch"]);

/** How the edge's copy of a product is forgotten: the sale stage keeps it, the app hands it in. */
export type ForgetProduct = (productId: string) => void;

/** Of every new hold; each says where its order is before it is answered, in the same step. */
const HELD = alikeJson(UNCACHED);

function statusUrl(order: OrderView): string {
  return `/v1/products/${order.productId}/orders/${order.orderId}`;
}

/** What this request may do about the product. */
function holdCalls(c: Context<HoldEnv>, productId: string): HoldCalls {
  return {
    one: async (command) =>
      unpacked(await callProduct(c.env, productId, "repeatable", (product) => product.hold(command))),
    all: async (commands) =>
      unpacked(await callProduct(c.env, productId, "repeatable", (product) => product.holdAll(commands))),
    keepAlive: (work) => c.executionCtx.waitUntil(work),
  };
}

function unpacked<Value, Refused>(called: Result<Packed<Value>, Refused>): Result<Value, Refused> {
  return called.ok ? ok(unpack(called.value)) : called;
}

/** POST .../checkout/{gate}: 202 for a new hold, 200 for the order that the same token made before. */
export function holdStock({ forgetProduct }: { readonly forgetProduct: ForgetProduct }) {
  return async function holdStockInObject(c: Context<HoldEnv>): Promise<Response> {
    const body = await readJson(c, checkoutRequest);
    if (!body.ok) return refuse(c, body.refusal);
    const { id } = c.get("product");
    const { jti, buyerId, round } = c.get("token");
    const cause = causeOf(c);
    const { quantity } = body.value;
    const { hoarding } = c.get("config");
    // Where nothing is counted per client, nothing of the client is kept.
    const client = hoarding.unpaidUnitSecondsPerClient === 0 ? null : await digestClient(c.get("client").key);
    const command = { round, jti, buyerId, quantity, client, hoarding, cause };
    const called = await holdInLine(id, holdCalls(c, id), command);
    if (!called.ok) return refuse(c, called.refusal);
    const answer = called.value;
    if (!answer.ok) {
      // The object says no where the copy said yes: the copy is old.
      if (!ABOUT_THE_BUYER.has(answer.refusal.code)) forgetProduct(id);
      return refuse(c, answer.refusal);
    }
    const { order, replayed } = answer.value;
    const url = statusUrl(order);
    if (replayed) {
      const told = { ...publicOrder(order), statusUrl: url };
      return answerJson(c, told, 200, { ...UNCACHED, Location: url, "Idempotency-Replayed": "true" });
    }
    const { orderId, status, holdExpiresAt } = order;
    const held = { orderId, status, quantity: order.quantity, holdExpiresAt, statusUrl: url };
    HELD.set("Location", url);
    return answerJson(c, held, 202, HELD);
  };
}

/** GET .../orders/{orderId}: for its buyer; to anyone else it does not exist. */
export function showOrder({ findArchived }: { readonly findArchived: FindArchived }) {
  return async function showOrderToItsBuyer(c: Context<BuyerEnv>): Promise<Response> {
    const [productId, orderId] = [c.req.param("id") ?? "", c.req.param("orderId") ?? ""];
    if (!isProductName(productId) || !ORDER_ID_PATTERN.test(orderId)) return refuse(c, { code: "not-found" });
    const context = { env: c.env, config: c.get("config"), findArchived };
    const order = await readOrder(context, { productId, orderId });
    if (!order.ok) return refuse(c, order.refusal);
    if (order.value === null || order.value.buyerId !== c.get("buyer").id) return refuse(c, { code: "not-found" });
    c.header("Cache-Control", "no-store");
    return c.json(publicOrder(order.value));
  };
}

interface CancelOptions {
  readonly forgetProduct: ForgetProduct;
  readonly findArchived: FindArchived;
}

/** POST .../orders/{orderId}/cancel: its buyer gives the hold up. Repeating is harmless. */
export function cancelOrder({ forgetProduct, findArchived }: CancelOptions) {
  return async function cancelOrderOfBuyer(c: Context<BuyerEnv>): Promise<Response> {
    const [productId, orderId] = [c.req.param("id") ?? "", c.req.param("orderId") ?? ""];
    if (!isProductName(productId) || !ORDER_ID_PATTERN.test(orderId)) return refuse(c, { code: "not-found" });
    const body = await readJson(c, emptyRequest, {});
    if (!body.ok) return refuse(c, body.refusal);
    const command = { orderId, buyerId: c.get("buyer").id, callback: null, cause: causeOf(c) };
    const context = { env: c.env, config: c.get("config"), findArchived };
    const order = await changeOrder(context, { productId, orderId }, (product, snapshot) =>
      product.cancel({ ...command, snapshot }),
    );
    if (!order.ok) return refuse(c, order.refusal);
    forgetProduct(productId);
    c.header("Cache-Control", "no-store");
    return c.json(publicOrder(order.value));
  };
}
