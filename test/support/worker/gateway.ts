/** The gateway as its callers meet it: requests through the Worker's own entry, with the demo's keys. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { importJWK, type JWTPayload, SignJWT } from "jose";
import { Webhook } from "standardwebhooks";
import { app } from "../../../src/app.ts";

export const ORIGIN = "https://gateway.test";

/** Secrets arrive as texts; the generated type of the bindings does not know them. */
export function secret(name: string): string {
  const value = (env as unknown as Record<string, unknown>)[name];
  if (typeof value !== "string") throw new Error(`The test's bindings have no ${name}`);
  return value;
}

export interface Answer<Body = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** A client address of its own per call site, so that limits do not meet: 198.18.0.0/15 is for tests (RFC 2544). */
let addresses = 0;
export function makeAddress(): string {
  addresses += 1;
  return `198.18.${(addresses >> 8) & 255}.${addresses & 255}`;
}

/** A buyer of its own per call, so that no test uses up another's quota. */
export function makeBuyer(name = "buyer"): string {
  return `${name}-${crypto.randomUUID()}`;
}

export interface CallOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** null: none. */
  readonly address?: string | null;
}

export type Call = (path: string, options?: CallOptions) => Promise<Answer>;

/** One request. A body that is no text or bytes is sent as JSON. */
export async function call(path: string, options: CallOptions = {}): Promise<Answer> {
  return answerOf(await exports.default.fetch(requestOf(path, options)));
}

/** A gateway with other tables in the place of these vars: its products are those of all the others. */
export function gatewayWith(vars: Readonly<Record<string, unknown>>): Call {
  const bindings = { ...env, ...vars };
  return async (path, options = {}) => {
    const context = createExecutionContext();
    const answer = await answerOf(await app.fetch(requestOf(path, options), bindings, context));
    await waitOnExecutionContext(context);
    return answer;
  };
}

function requestOf(path: string, options: CallOptions): Request {
  const { method = options.body === undefined ? "GET" : "POST", body, address = makeAddress() } = options;
  const isRaw = typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
  return new Request(`${ORIGIN}${path}`, {
    method,
    headers: { ...(address === null ? {} : { "CF-Connecting-IP": address }), ...options.headers },
    ...(body === undefined ? {} : { body: isRaw ? (body as BodyInit) : JSON.stringify(body) }),
    redirect: "manual",
  });
}

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("Content-Type") ?? "");
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && text !== "" ? JSON.parse(text) : { text },
  };
}

interface DemoIdentity {
  readonly identity_key: { readonly kid: string };
}

/** A JWT of the demo's shop; `claims` replace the usual ones. */
export async function makeIdentity(buyerId: string, claims: JWTPayload = {}): Promise<string> {
  const { identity_key: jwk } = JSON.parse(secret("DEMO")) as DemoIdentity;
  const { issuer, audience } = JSON.parse(secret("IDENTITY")) as { issuer: string; audience: string };
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ iss: issuer, aud: audience, sub: buyerId, iat: now, exp: now + 600, ...claims })
    .setProtectedHeader({ alg: "ES256", kid: jwk.kid })
    .sign(await importJWK(jwk as object, "ES256"));
}

export async function bearer(buyerId: string): Promise<{ readonly Authorization: string }> {
  return { Authorization: `Bearer ${await makeIdentity(buyerId)}` };
}

export function operator(): { readonly Authorization: string } {
  return { Authorization: `Bearer ${secret("ADMIN_TOKEN")}` };
}

/** A valid body for PUT /v1/admin/products/{id}: a round that opened a minute ago. */
export function productBody(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const now = Date.now();
  return {
    title: "A test's product",
    price: 9900,
    currency: "EUR",
    stock: 10,
    opensAt: now - 60_000,
    closesAt: now + 3_600_000,
    perBuyerLimit: 2,
    holdSeconds: 60,
    ...changes,
  };
}

/** A product of its own for one test; returns its id. */
export async function putProduct(changes: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const id = `p-${crypto.randomUUID()}`;
  const answer = await call(`/v1/admin/products/${id}`, {
    method: "PUT",
    headers: operator(),
    body: productBody(changes),
  });
  if (answer.status !== 200) throw new Error(`PUT was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return id;
}

export interface Ticket {
  readonly token: string;
  readonly checkoutUrl: string;
  readonly expiresAt: number;
}

export async function takeToken(productId: string, buyerId: string, send: Call = call): Promise<Ticket> {
  const answer = await send(`/v1/products/${productId}/tokens`, { headers: await bearer(buyerId), body: {} });
  if (answer.status !== 201) throw new Error(`The token was refused: ${JSON.stringify(answer.body)}`);
  return answer.body as unknown as Ticket;
}

export async function checkOut(
  ticket: Pick<Ticket, "token" | "checkoutUrl">,
  quantity = 1,
  send: Call = call,
): Promise<Answer> {
  return send(ticket.checkoutUrl, { headers: { "Purchase-Token": ticket.token }, body: { quantity } });
}

/** A hold of one unit by a buyer: the order's id. */
export async function holdOne(productId: string, buyerId: string): Promise<string> {
  const answer = await checkOut(await takeToken(productId, buyerId));
  if (answer.status !== 202) throw new Error(`The hold was refused: ${JSON.stringify(answer.body)}`);
  return String(answer.body["orderId"]);
}

export interface SignOptions {
  readonly id?: string;
  readonly at?: number;
  readonly secret?: string;
}

/** The three headers of Standard Webhooks over a body. */
export function signCallback(body: string, options: SignOptions = {}): Record<string, string> {
  const { id = `msg_${crypto.randomUUID()}`, at = Date.now(), secret: key = secret("ORIGIN_WEBHOOK_SECRET") } = options;
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at / 1000)),
    "webhook-signature": new Webhook(key).sign(id, new Date(at), body),
  };
}

export async function pay(
  productId: string,
  orderId: string,
  paymentId: string,
  options: SignOptions = {},
): Promise<Answer> {
  const body = JSON.stringify({ paymentId });
  const path = `/v1/origin/products/${productId}/orders/${orderId}/payment`;
  return call(path, { headers: signCallback(body, options), body });
}
