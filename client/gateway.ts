/**
 * The gateway's calls for browsers, one function each: a request out, an outcome in.
 *
 * It knows URLs, headers and documents; it does not know when to ask, does not ask twice and keeps nothing (see
 * `purchase.ts` and `sale.ts` for that). A refusal is an outcome, and so is silence; what throws is a defect.
 */
import {
  type Order,
  type Product,
  type PurchaseToken,
  isFields,
  parseOrder,
  parseProduct,
  parsePurchaseToken,
  parseTime,
} from "./documents.ts";
import { networkRefusal, type Outcome, parseMaxAge, parseRefusal } from "./outcome.ts";
import type { Platform } from "./platform.ts";
import { browserPossession, type Possession } from "./possession.ts";

/** The merchant's JWT for the buyer who sits in front of the page. Asked before every call that needs it. */
export type Identity = () => Promise<string>;

export interface GatewayOptions {
  readonly platform: Platform;
  readonly identity: Identity;
  /** The gateway's origin, as in `https://sale.shop.example`. @default "" (the page's own origin) */
  readonly baseUrl?: string;
  /** BCP 47: in which language the gateway puts a question. @default the browser's own list */
  readonly language?: () => string;
  /** After which a call counts as lost, in milliseconds. @default 10000 */
  readonly timeoutMs?: number;
  /** What proves that a bound purchase token is this buyer's. @default a key of the browser's own, made when it is asked for */
  readonly possession?: Possession;
}

type Init = Omit<RequestInit, "headers"> & { readonly headers?: Readonly<Record<string, string>> };

/** A call that the gateway may want a proof for. */
interface BoundCall {
  /** The token that is sent along. */
  readonly token?: string;
}

export interface Gateway {
  readonly product: (productId: string) => Promise<Outcome<Product>>;
  /** `challenge`: the answer to what a `challenge-required` refusal asked for. */
  readonly token: (product: Product, challenge?: unknown) => Promise<Outcome<PurchaseToken>>;
  /** May be repeated with the same token and quantity: at most one order comes of it. */
  readonly checkout: (productId: string, token: PurchaseToken, quantity: number) => Promise<Outcome<Order>>;
  readonly order: (order: Pick<Order, "statusUrl">) => Promise<Outcome<Order>>;
  readonly cancel: (order: Pick<Order, "statusUrl">) => Promise<Outcome<Order>>;
}

/** Longer than any healthy answer, shorter than a buyer's patience. Milliseconds. */
const TIMEOUT_MS = 10_000;

export function createGateway(options: GatewayOptions): Gateway {
  const { platform, identity, language, baseUrl = "", timeoutMs = TIMEOUT_MS } = options;

  async function ask<Value>(
    path: string,
    init: Init,
    parse: (body: unknown) => Value | undefined,
  ): Promise<Outcome<Value>> {
    let response: Response;
    let text: string;
    try {
      response = await platform.fetch(baseUrl + path, { ...init, signal: AbortSignal.timeout(timeoutMs) });
      // An answer that is cut off half-way is as lost as one that never came.
      text = await response.text();
    } catch (fault) {
      return networkRefusal(fault instanceof Error ? fault.name : "No answer arrived");
    }
    const body = parseJson(text);
    const value = response.ok ? parse(body) : undefined;
    if (value === undefined) return parseRefusal(response, response.ok ? undefined : body);
    return { code: "ok", value, freshForMs: parseMaxAge(response.headers.get("Cache-Control")) };
  }

  const { possession = browserPossession() } = options;
  /** Whether the gateway binds tokens: then proofs are sent without being asked for. */
  let isBound = false;
  /** What the monotonic clock lacks to the gateway's time. */
  let offsetMs: number | undefined;

  /** Sends a call; a bound one with a proof where the gateway wants one, and once more where it wants another. */
  async function call<Value>(
    path: string,
    init: Init,
    parse: (body: unknown) => Value | undefined,
    bound?: BoundCall,
  ): Promise<Outcome<Value>> {
    if (bound === undefined) return ask(path, init, parse);
    const first = await ask(path, isBound ? await withProof(path, init, bound) : init, parse);
    if (first.code !== "proof-required") return first;
    isBound = true;
    // Perhaps the clock stood still while the computer slept: it is asked anew.
    offsetMs = undefined;
    return ask(path, await withProof(path, init, bound), parse);
  }

  /** The call with a proof; as it is where none can be made, so that the gateway's refusal is the outcome. */
  async function withProof(path: string, init: Init, { token }: BoundCall): Promise<Init> {
    await learnTime();
    if (offsetMs === undefined) return init;
    const proven = { method: init.method ?? "GET", url: baseUrl + path, at: platform.monotonicNow() + offsetMs };
    try {
      const DPoP = await possession.prove({ ...proven, ...(token === undefined ? {} : { token }) });
      return { ...init, headers: { ...init.headers, DPoP } };
    } catch {
      return init;
    }
  }

  async function learnTime(): Promise<void> {
    if (offsetMs !== undefined) return;
    const time = await ask("/v1/time", { cache: "no-store" }, parseTime);
    if (time.code === "ok") offsetMs = time.value - platform.monotonicNow();
  }

  /** Once a product says that its tokens are bound, the click does not wait to learn it. */
  function noteBinding(outcome: Outcome<Product>): Outcome<Product> {
    if (outcome.code === "ok" && outcome.value.binding !== undefined) {
      isBound = true;
      void learnTime();
    }
    return outcome;
  }

  /** Calls as the buyer. A shop that cannot say who the buyer is counts as no answer: the click may be repeated. */
  async function callAsBuyer<Value>(
    path: string,
    init: Init,
    parse: (body: unknown) => Value | undefined,
    bound?: BoundCall,
  ): Promise<Outcome<Value>> {
    let jwt: string;
    try {
      jwt = await identity();
    } catch {
      return networkRefusal("The shop did not say who the buyer is");
    }
    return call(path, { ...init, headers: { ...init.headers, Authorization: `Bearer ${jwt}` } }, parse, bound);
  }

  return {
    // The browser's own cache would answer with its copy, and could be older than the gateway says it may be.
    product: async (productId) => noteBinding(await call(productPath(productId), { cache: "no-cache" }, parseProduct)),
    token: (product, challenge) =>
      callAsBuyer(
        (product.tokenUrl ?? `${productPath(product.id)}/tokens`) +
          (language === undefined ? "" : `?lang=${encodeURIComponent(language())}`),
        postJson(challenge === undefined ? {} : { challenge }),
        parsePurchaseToken,
        {},
      ),
    checkout: (productId, { token, checkoutUrl }, quantity) => {
      const { method, body, headers } = postJson({ quantity });
      return call(
        checkoutUrl,
        { method, body, headers: { ...headers, "Purchase-Token": token } },
        parseOrderOf(productId),
        { token },
      );
    },
    order: ({ statusUrl }) => callAsBuyer(statusUrl, { cache: "no-store" }, parseOrderAt(statusUrl)),
    cancel: ({ statusUrl }) => callAsBuyer(`${statusUrl}/cancel`, postJson({}), parseOrderAt(statusUrl)),
  };
}

function parseOrderOf(productId: string): (body: unknown) => Order | undefined {
  return (body) => parseOrder(body, (orderId) => `${productPath(productId)}/orders/${encodeURIComponent(orderId)}`);
}

function parseOrderAt(statusUrl: string): (body: unknown) => Order | undefined {
  return (body) => parseOrder(body, () => statusUrl);
}

function productPath(productId: string): string {
  return `/v1/products/${encodeURIComponent(productId)}`;
}

interface JsonPost {
  readonly method: "POST";
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

function postJson(body: Readonly<Record<string, unknown>>): JsonPost {
  return { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
}

function parseJson(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
