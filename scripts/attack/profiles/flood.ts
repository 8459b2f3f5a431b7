/** Requests that nobody may send, as fast as they go: without identity, with everything forged, to products that are not. */
import { randomBytes } from "node:crypto";
import type { Call } from "../../rush/http.ts";
import { count } from "../../rush/record.ts";
import { grabToken } from "../attacker.ts";
import { type Scene, until } from "../scene.ts";

const AT_ONCE = 48;
const BEGINS_BEFORE_MS = 1000;
/** ES256 and HS256 signatures, in bytes. */
const ES256_BYTES = 64;
const HS256_BYTES = 32;
/** As hexadecimal digits of the right number for an order's id. */
const ORDER_ID_BYTES = 19;

interface Forgery {
  readonly what: string;
  readonly call: (scene: Scene, gate: string) => Omit<Call, "address" | "label">;
}

/** In turn, as many of each. */
const FORGERIES: readonly Forgery[] = [
  {
    what: "a token without identity",
    call: ({ product }) => ({ method: "POST", path: `/v1/products/${product}/tokens`, body: "{}" }),
  },
  {
    what: "a token for a forged identity",
    call: ({ product }) => ({
      method: "POST",
      path: `/v1/products/${product}/tokens`,
      headers: { Authorization: `Bearer ${forgedIdentity()}` },
      body: "{}",
    }),
  },
  {
    what: "an order by a guessed gate",
    call: ({ product }) => ({
      method: "POST",
      path: `/v1/products/${product}/checkout/${randomBytes(16).toString("base64url")}`,
      headers: { "Purchase-Token": forgedToken(product) },
      body: '{"quantity":1}',
    }),
  },
  {
    what: "an order by a forged token",
    call: ({ product }, gate) => ({
      method: "POST",
      path: gate,
      headers: { "Purchase-Token": forgedToken(product) },
      body: '{"quantity":1}',
    }),
  },
  {
    what: "an order's status without identity",
    call: ({ product }) => ({
      method: "GET",
      path: `/v1/products/${product}/orders/${randomBytes(ORDER_ID_BYTES).toString("hex")}`,
    }),
  },
  {
    what: "a payment with a forged signature",
    call: ({ product }) => ({
      method: "POST",
      path: `/v1/origin/products/${product}/orders/${randomBytes(ORDER_ID_BYTES).toString("hex")}/payment`,
      headers: {
        "webhook-id": randomBytes(8).toString("hex"),
        "webhook-timestamp": String(Math.floor(Date.now() / 1000)),
        "webhook-signature": `v1,${randomBytes(32).toString("base64")}`,
      },
      body: '{"paymentId":"forged"}',
    }),
  },
  {
    what: "an operator's document by a guessed token",
    call: ({ product }) => ({
      method: "GET",
      path: `/v1/admin/products/${product}`,
      headers: { Authorization: `Bearer ${randomBytes(32).toString("hex")}` },
    }),
  },
];

/** From a second before the opening until the attack's end or its budget's. The true gate is learnt as a buyer learns it. */
export async function flood(scene: Scene): Promise<void> {
  await until(scene, scene.opensAt - BEGINS_BEFORE_MS);
  let gate = `/v1/products/${scene.product}/checkout/unknown`;
  const learning = learnGate(scene).then((learnt) => {
    gate = learnt ?? gate;
  });
  let turn = 0;
  const work = async (): Promise<void> => {
    while (scene.mayAttack()) {
      const number = turn++;
      const forgery = FORGERIES[number % FORGERIES.length];
      const address = scene.crowd.addresses[number % scene.crowd.addresses.length];
      if (forgery === undefined || address === undefined) return;
      await send(scene, forgery, gate, address);
    }
  };
  await Promise.all([learning, ...Array.from({ length: AT_ONCE }, work)]);
}

async function send(scene: Scene, { what, call }: Forgery, gate: string, address: string): Promise<void> {
  const answer = await scene.attackerHttp.send({ ...call(scene, gate), address, label: "forged" });
  if (answer.status >= 200 && answer.status < 300) count(scene.record.breaches, `${what} was served`);
  else count(scene.record.attackersRefused, codeOf(answer.body, answer.status));
}

function codeOf(body: unknown, status: number): string {
  if (typeof body === "object" && body !== null && "code" in body) return String(body.code);
  return status === 0 ? "no-answer" : `http-${status}`;
}

/** A token that a real account is given once the round is open; it is not spent. */
async function learnGate(scene: Scene): Promise<string | undefined> {
  const [account] = scene.accounts;
  await until(scene, scene.opensAt);
  const outcome = account === undefined ? undefined : (await grabToken(scene, account))?.outcome;
  return outcome?.ok === true ? outcome.value.checkoutUrl : undefined;
}

function forgedIdentity(): string {
  const seconds = Math.floor(Date.now() / 1000);
  const header = { alg: "ES256", kid: "demo-shop-1" };
  const claims = {
    iss: "https://demo.shop.example",
    aud: "sluice",
    sub: "honest-1",
    iat: seconds,
    exp: seconds + 3600,
  };
  return jwt(header, claims, ES256_BYTES);
}

function forgedToken(product: string): string {
  const seconds = Math.floor(Date.now() / 1000);
  const header = { alg: "HS256", typ: "sluice-purchase+jwt", kid: "demo-1" };
  const claims = {
    pid: product,
    rnd: 1,
    iss: "sluice",
    aud: "sluice/checkout",
    sub: "honest-1",
    jti: randomBytes(16).toString("base64url"),
    iat: seconds,
    exp: seconds + 120,
  };
  return jwt(header, claims, HS256_BYTES);
}

function jwt(header: object, claims: object, signatureBytes: number): string {
  return `${segment(header)}.${segment(claims)}.${randomBytes(signatureBytes).toString("base64url")}`;
}

function segment(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
