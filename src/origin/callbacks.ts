/**
 * The origin's signed callbacks: a payment came, or an order is cancelled.
 *
 * Signed as Standard Webhooks 1.0.0 says (https://www.standardwebhooks.com), verified by its own library over the raw
 * bytes, with every current secret. `webhook-id` makes a callback idempotent: the product object remembers it in the same transaction
 * as its effect.
 */
import type { Context } from "hono";
import { Webhook, WebhookVerificationError } from "standardwebhooks";
import type { CallbackId, OrderAnswer, PayCommand, ProductApi } from "../../durable-objects/product/protocol.ts";
import { ORDER_ID_PATTERN } from "../../durable-objects/product/order-id.ts";
import { causeOf } from "../cause.ts";
import type { AppEnv } from "../context.ts";
import { parseJson, readBytes } from "../body.ts";
import { changeOrder, type FindArchived } from "../order-calls.ts";
import { refuse } from "../problem.ts";
import { isProductName } from "../product-name.ts";
import type { Next } from "../way.ts";
import { originCancelRequest, paymentRequest } from "../wire/requests.ts";
import { originOrder } from "../wire/responses.ts";

/** The object keeps the id for a week: a bound on what a sender can make it keep. */
const WEBHOOK_ID = /^[\x21-\x7e]{1,256}$/;

const TIMESTAMP = /^\d{1,12}$/;

interface Callback {
  readonly id: CallbackId;
  readonly body: Uint8Array;
}

type CallbackEnv = AppEnv & { Variables: AppEnv["Variables"] & { callback: Callback } };

/** The signature must be one of the origin's, over exactly these bytes, within five minutes. */
export function verifyCallback() {
  return async function refuseUnsignedCallback(c: Context<CallbackEnv>, next: Next): Promise<Response> {
    const received = await readBytes(c);
    if (!received.ok) return refuse(c, received.refusal);
    const body = received.value;
    const headers = {
      "webhook-id": c.req.header("webhook-id") ?? "",
      "webhook-timestamp": c.req.header("webhook-timestamp") ?? "",
      "webhook-signature": c.req.header("webhook-signature") ?? "",
    };
    const webhookId = headers["webhook-id"];
    // The library would also take a timestamp with something behind it.
    const isShaped = WEBHOOK_ID.test(webhookId) && TIMESTAMP.test(headers["webhook-timestamp"]);
    if (!isShaped || !isSignedByOne(c.get("config").webhookSecrets, body, headers)) {
      return refuse(c, { code: "signature-invalid" });
    }
    c.set("callback", { id: { webhookId, digest: await digestOf(c.req.path, body) }, body });
    return next(c);
  };
}

function isSignedByOne(secrets: readonly string[], body: Uint8Array, headers: Record<string, string>): boolean {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return false;
  }
  return secrets.some((secret) => {
    try {
      new Webhook(secret).verify(text, headers, { jsonParse: false });
      return true;
    } catch (fault) {
      if (fault instanceof WebhookVerificationError) return false;
      throw fault;
    }
  });
}

async function digestOf(path: string, body: Uint8Array): Promise<string> {
  const message = new Uint8Array([...new TextEncoder().encode(`${path}\n`), ...body]);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", message));
  return digest.toBase64({ alphabet: "base64url", omitPadding: true });
}

interface CallbackOptions {
  readonly forgetProduct: (productId: string) => void;
  readonly findArchived: FindArchived;
}

/** POST .../payment: money came. 200 and the order: `paid`, or `refund_due` when it came too late. */
export function recordPayment(options: CallbackOptions) {
  return async function recordPaymentOfOrder(c: Context<CallbackEnv>): Promise<Response> {
    const { id: callback, body } = c.get("callback");
    const request = parseJson(body, paymentRequest);
    if (!request.ok) return refuse(c, request.refusal);
    const { paymentId } = request.value;
    return answerOrder(c, options, (product, given) =>
      product.pay({ ...given, paymentId, callback, cause: causeOf(c) }),
    );
  };
}

/** POST .../cancel: the origin gives a hold up. A paid order is not cancelled here. */
export function recordCancellation(options: CallbackOptions) {
  return async function recordCancellationOfOrder(c: Context<CallbackEnv>): Promise<Response> {
    const { id: callback, body } = c.get("callback");
    const request = parseJson(body, originCancelRequest, {});
    if (!request.ok) return refuse(c, request.refusal);
    return answerOrder(c, options, (product, given) =>
      product.cancel({ ...given, buyerId: null, callback, cause: causeOf(c) }),
    );
  };
}

type GivenOrder = Pick<PayCommand, "orderId" | "snapshot">;

async function answerOrder(
  c: Context<CallbackEnv>,
  { forgetProduct, findArchived }: CallbackOptions,
  call: (product: ProductApi, given: GivenOrder) => Promise<OrderAnswer>,
): Promise<Response> {
  const [productId, orderId] = [c.req.param("id") ?? "", c.req.param("orderId") ?? ""];
  if (!isProductName(productId) || !ORDER_ID_PATTERN.test(orderId)) return refuse(c, { code: "not-found" });
  const context = { env: c.env, config: c.get("config"), findArchived };
  const order = await changeOrder(context, { productId, orderId }, (product, snapshot) =>
    call(product, { orderId, snapshot }),
  );
  if (!order.ok) return refuse(c, order.refusal);
  forgetProduct(productId);
  c.header("Cache-Control", "no-store");
  return c.json(originOrder(order.value));
}
