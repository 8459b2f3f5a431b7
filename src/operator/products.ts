/** The operator's routes for a product: rules, stock, pause and close, the audit list. Every change is an audit entry. */
import type { Context } from "hono";
import type { Cause, ProductAnswer, ProductApi, RoundAction } from "../../durable-objects/product/protocol.ts";
import type { AppEnv } from "../context.ts";
import { readJson } from "../body.ts";
import { callProduct } from "../product-calls.ts";
import { refuse } from "../problem.ts";
import type { Refusal } from "../refusal.ts";
import { ok, refused, type Result } from "../result.ts";
import { emptyRequest, productRequest, stockRequest } from "../wire/requests.ts";

const PRODUCT_ID = /^[a-z0-9-]{1,64}$/;
/** Audit entries in one answer, the newest first. */
const AUDIT_ENTRIES_MAX = 200;

export interface OperatorOptions {
  readonly forgetProduct: (productId: string) => void;
  /** Takes the origin's own stock for a round out of its row in Postgres: atomically, and twice the same. */
  readonly takeOriginStock: (
    env: Env,
    config: AppEnv["Variables"]["config"],
    productId: string,
    round: number,
  ) => Promise<Result<number>>;
}

function productId(c: Context<AppEnv>): Result<string> {
  const id = c.req.param("id") ?? "";
  return PRODUCT_ID.test(id) ? ok(id) : refused({ code: "not-found" });
}

function causeOf(c: Context<AppEnv>): Cause {
  return { requestId: c.get("requestId"), traceparent: c.get("traceparent") };
}

/** PUT /v1/admin/products/{id}: create the product, change the round that is to come, or set the next one. */
export function putProduct({ forgetProduct, takeOriginStock }: OperatorOptions) {
  return async function putProductRules(c: Context<AppEnv>): Promise<Response> {
    const id = putProductId(c);
    if (!id.ok) return refuse(c, id.refusal);
    const body = await readJson(c, productRequest);
    if (!body.ok) return refuse(c, body.refusal);
    const { stock, ...rules } = body.value;
    if (rules.closesAt <= Date.now()) {
      return refuse(c, { code: "invalid-request", errors: [{ path: "closesAt", message: "Must lie in the future" }] });
    }
    const { rulesFrozenSeconds } = c.get("config").sale;
    const planned = await callProduct(c.env, id.value, "repeatable", (product) => product.plan(rulesFrozenSeconds));
    if (!planned.ok) return refuse(c, planned.refusal);
    if (!planned.value.ok) return refuse(c, planned.value.refusal);
    const { round } = planned.value.value;
    const taken = stock === "origin" ? await takeOriginStock(c.env, c.get("config"), id.value, round) : ok(stock);
    if (!taken.ok) return refuse(c, taken.refusal);
    const originRound = stock === "origin" ? round : null;
    const command = { id: id.value, rules, stock: taken.value, originRound, rulesFrozenSeconds, cause: causeOf(c) };
    return answerDocument(c, forgetProduct, id.value, (product) => product.configure(command));
  };
}

/** A name that cannot be a product's is the operator's mistake here, not an address where nothing is. */
function putProductId(c: Context<AppEnv>): Result<string> {
  const id = productId(c);
  const message = "Must be 1 to 64 of a-z, 0-9 and -";
  return id.ok ? id : refused({ code: "invalid-request", errors: [{ path: "id", message }] });
}

/** GET /v1/admin/products/{id}: the rules and the stock book. */
export function showDocument() {
  return async function showProductDocument(c: Context<AppEnv>): Promise<Response> {
    const id = productId(c);
    if (!id.ok) return refuse(c, id.refusal);
    const called = await callProduct(c.env, id.value, "repeatable", (product) => product.document());
    if (!called.ok) return refuse(c, called.refusal);
    if (called.value === null) return refuse(c, { code: "not-found" });
    c.header("Cache-Control", "no-store");
    return c.json(called.value);
  };
}

/** POST .../pause, /resume, /close. */
export function actOnRound(action: RoundAction, { forgetProduct }: OperatorOptions) {
  return async function actOnCurrentRound(c: Context<AppEnv>): Promise<Response> {
    const id = productId(c);
    if (!id.ok) return refuse(c, id.refusal);
    const body = await readJson(c, emptyRequest, {});
    if (!body.ok) return refuse(c, body.refusal);
    return answerDocument(c, forgetProduct, id.value, (product) => product.act(action, causeOf(c)));
  };
}

/** POST .../stock: units are added, or withdrawn from what is available. */
export function changeStock({ forgetProduct }: OperatorOptions) {
  return async function changeStockOfRound(c: Context<AppEnv>): Promise<Response> {
    const id = productId(c);
    if (!id.ok) return refuse(c, id.refusal);
    const body = await readJson(c, stockRequest);
    if (!body.ok) return refuse(c, body.refusal);
    const { delta } = body.value;
    // Not repeatable: adding twice would add twice.
    return answerDocument(c, forgetProduct, id.value, (product) => product.changeStock(delta, causeOf(c)), "once");
  };
}

/** GET .../audit: who changed what, and when; the newest first. */
export function showAudit() {
  return async function showAuditOfProduct(c: Context<AppEnv>): Promise<Response> {
    const id = productId(c);
    if (!id.ok) return refuse(c, id.refusal);
    const called = await callProduct(c.env, id.value, "repeatable", (product) => product.audit(AUDIT_ENTRIES_MAX));
    if (!called.ok) return refuse(c, called.refusal);
    c.header("Cache-Control", "no-store");
    return c.json({ entries: called.value });
  };
}

type ProductCall = (product: ProductApi) => Promise<ProductAnswer>;

async function answerDocument(
  c: Context<AppEnv>,
  forgetProduct: OperatorOptions["forgetProduct"],
  id: string,
  call: ProductCall,
  repeatable: "repeatable" | "once" = "repeatable",
): Promise<Response> {
  const called: Result<ProductAnswer> = await callProduct(c.env, id, repeatable, call);
  if (!called.ok) return refuse(c, called.refusal);
  // Also after a refusal: the operator looks at the product next, and wants to see it as it is.
  forgetProduct(id);
  if (!called.value.ok) return refuse(c, called.value.refusal satisfies Refusal);
  c.header("Cache-Control", "no-store");
  return c.json(called.value.value);
}
