/** The operator's routes for a product: rules, stock, pause and close, the audit list. Every change is an audit entry. */
import type { Context } from "hono";
import type * as v from "valibot";
import type {
  ConfigureCommand,
  ProductAnswer,
  ProductApi,
  RoundAction,
} from "../../durable-objects/product/protocol.ts";
import { causeOf } from "../cause.ts";
import type { Config } from "../config.ts";
import type { AppEnv } from "../context.ts";
import { readJson } from "../body.ts";
import { callProduct } from "../product-calls.ts";
import { refuse } from "../problem.ts";
import { isProductName } from "../product-name.ts";
import type { FieldError, RefusalOf } from "../refusal.ts";
import { ok, refused, type Result } from "../result.ts";
import { emptyRequest, productRequest, stockRequest } from "../wire/requests.ts";

/** Audit entries in one answer, the newest first. */
const AUDIT_ENTRIES_MAX = 200;
/** The row in Postgres must be as the ledger left it before units are taken out of it again. */
const EVENTS_ON_THEIR_WAY: RefusalOf<"overloaded"> = {
  code: "overloaded",
  retryAfterSeconds: 2,
  detail: "Events of this product are still on their way to the origin's database; nothing was changed",
};

interface RoundOfProduct {
  readonly productId: string;
  readonly round: number;
}

type Challenges = v.InferOutput<typeof productRequest>["challenges"];

export interface OperatorOptions {
  readonly forgetProduct: (productId: string) => void;
  /** Takes the origin's own stock for a round out of its row in Postgres: atomically, and twice the same. */
  readonly takeOriginStock: (env: Env, config: Config, round: RoundOfProduct) => Promise<Result<number>>;
  /** Kinds of challenges that the gateway is not set up for. */
  readonly challengeErrors: (config: Config, challenges: Challenges) => readonly FieldError[];
  /** Undoes that, when the round did not come about. */
  readonly giveOriginStockBack: (env: Env, config: Config, round: RoundOfProduct) => Promise<void>;
}

function productId(c: Context<AppEnv>): Result<string> {
  const id = c.req.param("id") ?? "";
  return isProductName(id) ? ok(id) : refused({ code: "not-found" });
}

/** PUT /v1/admin/products/{id}: create the product, change the round that is to come, or set the next one. */
export function putProduct(options: OperatorOptions) {
  return async function putProductRules(c: Context<AppEnv>): Promise<Response> {
    const id = putProductId(c);
    if (!id.ok) return refuse(c, id.refusal);
    const body = await readJson(c, productRequest);
    if (!body.ok) return refuse(c, body.refusal);
    const { stock, ...rules } = body.value;
    if (rules.closesAt <= Date.now()) {
      return refuse(c, { code: "invalid-request", errors: [{ path: "closesAt", message: "Must lie in the future" }] });
    }
    const errors = options.challengeErrors(c.get("config"), rules.challenges);
    if (errors.length > 0) return refuse(c, { code: "invalid-request", errors });
    const { rulesFrozenSeconds, orderRetentionMs } = c.get("config").sale;
    const command = { id: id.value, rules, rulesFrozenSeconds, orderRetentionMs, cause: causeOf(c) };
    if (stock === "origin") return configureFromOrigin(c, options, command);
    return answerDocument(c, options, id.value, (product) =>
      product.configure({ ...command, stock, originRound: null }),
    );
  };
}

/**
 * The round's number is asked for first, so that the units are taken for exactly that round: whatever is lost on the way,
 * the same PUT again finds the same units.
 */
async function configureFromOrigin(
  c: Context<AppEnv>,
  options: OperatorOptions,
  command: Omit<ConfigureCommand, "stock" | "originRound">,
): Promise<Response> {
  const planned = await callProduct(c.env, command.id, "repeatable", (product) =>
    product.plan(command.rulesFrozenSeconds),
  );
  if (!planned.ok) return refuse(c, planned.refusal);
  if (!planned.value.ok) return refuse(c, planned.value.refusal);
  const { round, pending } = planned.value.value;
  if (pending > 0) return refuse(c, EVENTS_ON_THEIR_WAY);
  const claim = { productId: command.id, round };
  const taken = await options.takeOriginStock(c.env, c.get("config"), claim);
  if (!taken.ok) return refuse(c, taken.refusal);
  const configure = { ...command, stock: taken.value, originRound: round };
  const called = await callProduct(c.env, command.id, "repeatable", (product) => product.configure(configure));
  if (called.ok && !called.value.ok) await options.giveOriginStockBack(c.env, c.get("config"), claim);
  return tellDocument(c, options, command.id, called);
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
export function actOnRound(action: RoundAction, options: OperatorOptions) {
  return async function actOnCurrentRound(c: Context<AppEnv>): Promise<Response> {
    const id = productId(c);
    if (!id.ok) return refuse(c, id.refusal);
    const body = await readJson(c, emptyRequest, {});
    if (!body.ok) return refuse(c, body.refusal);
    return answerDocument(c, options, id.value, (product) => product.act(action, causeOf(c)));
  };
}

/** POST .../stock: units are added, or withdrawn from what is available. */
export function changeStock(options: OperatorOptions) {
  return async function changeStockOfRound(c: Context<AppEnv>): Promise<Response> {
    const id = productId(c);
    if (!id.ok) return refuse(c, id.refusal);
    const body = await readJson(c, stockRequest);
    if (!body.ok) return refuse(c, body.refusal);
    const { delta } = body.value;
    // Not repeatable: adding twice would add twice.
    return answerDocument(c, options, id.value, (product) => product.changeStock(delta, causeOf(c)), "once");
  };
}

/** GET .../audit: who changed what, and when; the newest first. */
export function showAudit() {
  return async function showAuditOfProduct(c: Context<AppEnv>): Promise<Response> {
    const id = productId(c);
    if (!id.ok) return refuse(c, id.refusal);
    const called = await callProduct(c.env, id.value, "repeatable", (product) => product.audit(AUDIT_ENTRIES_MAX));
    if (!called.ok) return refuse(c, called.refusal);
    // Setting the product is its first entry: without one there is no product.
    if (called.value.length === 0) return refuse(c, { code: "not-found" });
    c.header("Cache-Control", "no-store");
    return c.json({ entries: called.value });
  };
}

type ProductCall = (product: ProductApi) => Promise<ProductAnswer>;

async function answerDocument(
  c: Context<AppEnv>,
  options: OperatorOptions,
  id: string,
  call: ProductCall,
  repeatable: "repeatable" | "once" = "repeatable",
): Promise<Response> {
  return tellDocument(c, options, id, await callProduct(c.env, id, repeatable, call));
}

function tellDocument(
  c: Context<AppEnv>,
  { forgetProduct }: OperatorOptions,
  id: string,
  called: Result<ProductAnswer>,
): Response {
  if (!called.ok) return refuse(c, called.refusal);
  // Also after a refusal: the operator looks at the product next, and wants to see it as it is.
  forgetProduct(id);
  if (!called.value.ok) return refuse(c, called.value.refusal);
  c.header("Cache-Control", "no-store");
  return c.json(called.value.value);
}
