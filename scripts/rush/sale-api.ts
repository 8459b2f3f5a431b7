/** The gateway's calls as a rush makes them: buyers', the origin's and the operator's. */
import * as v from "valibot";
import { Webhook } from "standardwebhooks";
import type { Answer, HttpClient } from "./http.ts";

const token = v.looseObject({ token: v.string(), checkoutUrl: v.string() });
const order = v.looseObject({
  orderId: v.string(),
  status: v.string(),
  quantity: v.number(),
  holdExpiresAt: v.optional(v.number()),
});
const problem = v.looseObject({ code: v.string() });
const time = v.looseObject({ now: v.number() });
const identity = v.looseObject({ token: v.string() });

const ledgerDocument = v.looseObject({
  state: v.string(),
  allocated: v.number(),
  available: v.number(),
  held: v.number(),
  paid: v.number(),
  withdrawn: v.number(),
  orders: v.looseObject({
    held: v.number(),
    paid: v.number(),
    cancelled: v.number(),
    expired: v.number(),
    refundDue: v.number(),
  }),
  outbox: v.looseObject({ pending: v.number() }),
});

export type IssuedToken = v.InferOutput<typeof token>;
export type PlacedOrder = v.InferOutput<typeof order>;
export type LedgerDocument = v.InferOutput<typeof ledgerDocument>;

/** An answer that says no: its code; `no-answer` when none came, `http-<status>` when it has no code. */
export interface Refused {
  readonly ok: false;
  readonly status: number;
  readonly code: string;
  /** Other fields of the problem document. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly retryAfterMs: number;
}

export type Outcome<Value> = { readonly ok: true; readonly status: number; readonly value: Value } | Refused;

/** Waited where a refusal names no time of its own. */
const RETRY_AFTER_STANDARD_MS = 1000;

export class SaleApi {
  readonly #http: HttpClient;
  readonly #product: string;
  readonly #adminToken: string;
  readonly #webhook: Webhook;

  constructor(http: HttpClient, product: string, adminToken: string, webhookSecrets: string) {
    this.#http = http;
    this.#product = product;
    this.#adminToken = adminToken;
    this.#webhook = new Webhook(webhookSecrets.trim().split(/\s+/)[0] ?? "");
  }

  async time(): Promise<Outcome<{ readonly now: number }>> {
    return read(await this.#http.send({ method: "GET", path: "/v1/time", label: "time" }), time);
  }

  async identity(buyerId: string, address: string): Promise<Outcome<{ readonly token: string }>> {
    const body = JSON.stringify({ buyerId });
    return read(
      await this.#http.send({ method: "POST", path: "/demo/identity", address, body, label: "identity" }),
      identity,
    );
  }

  /** The product's public document, as it came. */
  product(address: string): Promise<Answer> {
    return this.#http.send({ method: "GET", path: `/v1/products/${this.#product}`, address, label: "product" });
  }

  /** @param challenge the answer to a `challenge-required` refusal. */
  async token(address: string, jwt: string, challenge?: unknown): Promise<Outcome<IssuedToken>> {
    const path = `/v1/products/${this.#product}/tokens`;
    const headers = { Authorization: `Bearer ${jwt}` };
    const body = JSON.stringify({ challenge });
    return read(await this.#http.send({ method: "POST", path, address, headers, body, label: "token" }), token);
  }

  async checkout(
    address: string,
    checkoutUrl: string,
    purchaseToken: string,
    quantity: number,
  ): Promise<Outcome<PlacedOrder>> {
    const headers = { "Purchase-Token": purchaseToken };
    const body = JSON.stringify({ quantity });
    const path = checkoutUrl;
    return read(await this.#http.send({ method: "POST", path, address, headers, body, label: "checkout" }), order);
  }

  /** A checkout at a gate that somebody made up. */
  guessGate(address: string, gate: string): Promise<Outcome<PlacedOrder>> {
    return this.checkout(address, `/v1/products/${this.#product}/checkout/${gate}`, "guessed", 1);
  }

  async cancel(address: string, jwt: string, orderId: string): Promise<Outcome<PlacedOrder>> {
    const path = `/v1/products/${this.#product}/orders/${orderId}/cancel`;
    const headers = { Authorization: `Bearer ${jwt}` };
    return read(await this.#http.send({ method: "POST", path, address, headers, label: "cancel" }), order);
  }

  /** The origin's signed callback: this order is paid. */
  async pay(orderId: string, paymentId: string): Promise<Outcome<PlacedOrder>> {
    const path = `/v1/origin/products/${this.#product}/orders/${orderId}/payment`;
    const body = JSON.stringify({ paymentId });
    const id = `msg_${paymentId}`;
    const at = new Date();
    const headers = {
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
      "webhook-signature": this.#webhook.sign(id, at, body),
    };
    return read(await this.#http.send({ method: "POST", path, headers, body, label: "payment" }), order);
  }

  async configure(rules: Readonly<Record<string, unknown>>): Promise<Outcome<LedgerDocument>> {
    const body = JSON.stringify(rules);
    return read(await this.#http.send({ method: "PUT", ...this.#admin(), body, label: "admin" }), ledgerDocument);
  }

  async ledger(): Promise<Outcome<LedgerDocument>> {
    return read(await this.#http.send({ method: "GET", ...this.#admin(), label: "admin" }), ledgerDocument);
  }

  #admin(): { readonly path: string; readonly headers: Readonly<Record<string, string>> } {
    return { path: `/v1/admin/products/${this.#product}`, headers: { Authorization: `Bearer ${this.#adminToken}` } };
  }
}

function read<Schema extends v.GenericSchema>(answer: Answer, schema: Schema): Outcome<v.InferOutput<Schema>> {
  if (answer.status >= 200 && answer.status < 300) {
    const parsed = v.safeParse(schema, answer.body);
    if (parsed.success) return { ok: true, status: answer.status, value: parsed.output };
    return { ok: false, status: answer.status, code: "unreadable", fields: {}, retryAfterMs: 0 };
  }
  const parsed = v.safeParse(problem, answer.body);
  const fields = parsed.success ? parsed.output : {};
  const seconds = Number(answer.headers["retry-after"]);
  return {
    ok: false,
    status: answer.status,
    code: parsed.success ? parsed.output.code : answer.status === 0 ? "no-answer" : `http-${answer.status}`,
    fields,
    retryAfterMs: seconds > 0 ? seconds * 1000 : RETRY_AFTER_STANDARD_MS,
  };
}
