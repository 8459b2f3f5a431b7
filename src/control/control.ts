/**
 * The control stages: what operators changed is brought into the request, and who is on a list is kept out, let in, or
 * noted as a suspect.
 *
 * They stand where they cost least: the client's entries before anything is counted or verified, the buyer's as soon as
 * he is proven. A gateway without lists pays one comparison of times per request.
 */
import type { Context } from "hono";
import type { AppEnv, BuyerEnv } from "../context.ts";
import type { ListSubject } from "../../durable-objects/control/protocol.ts";
import { refuse } from "../problem.ts";
import type { Answer, Next } from "../way.ts";
import { controlOf } from "./control-calls.ts";
import { ControlCopy, type ControlView } from "./control-copy.ts";
import type { ListedClient, ListHit } from "./lists.ts";

export interface ControlEnv extends AppEnv {
  Variables: AppEnv["Variables"] & {
    control: ControlView;
    /** An allow entry matched: later stages may ask less of this request. */
    allowed?: boolean;
    /** What of this request is on the list of suspects. */
    suspects?: readonly ListSubject[];
  };
}

/** One copy per isolate; by the binding, so that a gateway of another configuration has its own. */
const copies = new WeakMap<Env["CONTROL"], ControlCopy>();

function copyOf(env: Env): ControlCopy {
  let copy = copies.get(env.CONTROL);
  if (copy === undefined) {
    copy = new ControlCopy((call) => call(controlOf(env)));
    copies.set(env.CONTROL, copy);
  }
  return copy;
}

/** After an operator's change: this isolate obeys from the next request on, the others within `COPY_AGE_MAX_MS`. */
export function forgetControl(env: Env): void {
  copyOf(env).forget();
}

/** Sets `control`. Refuses nothing, and waits only where the copy is too old to go by. */
export function loadControl() {
  // Not async: with a copy at hand the request goes on in the same step.
  return function loadControlView(c: Context<ControlEnv>, next: Next): Answer {
    const copy = copyOf(c.env);
    const keepAlive = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
    const view = copy.read(Date.now(), keepAlive);
    if (view === null) return copy.wait(keepAlive).then((waited) => goOn(c, waited, next));
    return goOn(c, view, next);
  };
}

function goOn(c: Context<ControlEnv>, view: ControlView, next: Next): Answer {
  c.set("control", view);
  return next(c);
}

/** Keeps out whose address, network or country is on the deny list. */
export function refuseListedClient() {
  return function refuseByClient(c: Context<ControlEnv>, next: Next): Answer {
    const { lists } = c.get("control");
    if (lists.size === 0) return next(c);
    return obey(c, lists.matchClient(listedClient(c), Date.now()), next);
  };
}

/** Keeps out buyers on the deny list, and notes what is on the list of suspects. Behind the identity stage. */
export function refuseListedBuyer() {
  return function refuseByBuyer(c: Context<ControlEnv & BuyerEnv>, next: Next): Answer {
    const { lists } = c.get("control");
    if (lists.size === 0) return next(c);
    // A context that knows more than is needed; the compiler cannot see that through its setter.
    const context = c as unknown as Context<ControlEnv>;
    const [{ id }, now] = [c.get("buyer"), Date.now()];
    const suspects = lists.suspect(listedClient(context), id, now);
    if (suspects.length > 0) c.set("suspects", suspects);
    return obey(context, lists.matchBuyer(id, now), next);
  };
}

function obey(c: Context<ControlEnv>, hit: ListHit | null, next: Next): Answer {
  if (hit?.list === "deny") return refuse(c, { code: "not-eligible" });
  if (hit?.list === "allow") c.set("allowed", true);
  return next(c);
}

/** Network and country are Cloudflare's word (`request.cf`); where it says nothing, nothing matches. */
function listedClient(c: Context<ControlEnv>): ListedClient {
  const cf = (c.req.raw.cf ?? {}) as Readonly<Record<string, unknown>>;
  return {
    address: c.get("client").address,
    asn: typeof cf["asn"] === "number" ? cf["asn"] : null,
    country: typeof cf["country"] === "string" ? cf["country"] : null,
  };
}
