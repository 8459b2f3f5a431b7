/**
 * Proof of possession: a purchase token that is bound to a key cannot be sold, because the key cannot be handed on (T6).
 *
 * With `binding = "dpop"` the token is issued to whoever proves to have a key, and names that key (`cnf.jkt`, RFC 7800 and
 * RFC 9449); the checkout needs a proof by the same key. A bound token needs its proof whatever the configuration says by then.
 */
import type { Context } from "hono";
import type { AppEnv } from "../context.ts";
import { refuse } from "../problem.ts";
import type { RefusalOf } from "../refusal.ts";
import { ok, refused, type Result } from "../result.ts";
import { after } from "../soon.ts";
import type { Answer, Next } from "../way.ts";
import { verifyProof } from "./dpop-proof.ts";
import { ProofMemory } from "./proof-memory.ts";
import type { PurchaseToken } from "./purchase-token.ts";

const taken = new ProofMemory();

/** The key that the token will be bound to; null: to none. */
export interface HolderVariables {
  readonly jkt: string | null;
}

type HolderEnv = AppEnv & { Variables: AppEnv["Variables"] & { jkt: string | null } };
type BoundEnv = AppEnv & { Variables: AppEnv["Variables"] & { token: PurchaseToken } };

/** Where tokens are bound: requires a proof by the key that the token shall be bound to. Sets `jkt`. */
export function requireHolder() {
  return function refuseWithoutHolder(c: Context<HolderEnv>, next: Next): Answer {
    if (c.get("config").token.binding === "none") {
      c.set("jkt", null);
      return next(c);
    }
    return after(proveCall(c, null), (jkt) => {
      if (!jkt.ok) return refuse(c, jkt.refusal);
      c.set("jkt", jkt.value);
      return next(c);
    });
  };
}

/** A bound token is taken only with a proof by its key. */
export function requirePossession() {
  return function refuseWithoutPossession(c: Context<BoundEnv>, next: Next): Answer {
    const { jkt } = c.get("token");
    if (jkt === null) {
      // Issued before the gateway began to bind.
      return c.get("config").token.binding === "none" ? next(c) : refuse(c, { code: "token-invalid" });
    }
    return after(proveCall(c, c.req.header("Purchase-Token") ?? ""), (proven) => {
      if (!proven.ok) return refuse(c, proven.refusal);
      return proven.value === jkt ? next(c) : refuse(c, { code: "token-invalid" });
    });
  };
}

/** The thumbprint of the key that proves this call. */
async function proveCall(c: Context, token: string | null): Promise<Result<string, RefusalOf<"proof-required">>> {
  const text = c.req.header("DPoP");
  if (text === undefined) return refused({ code: "proof-required" });
  const now = Date.now();
  const proof = await verifyProof(text, { method: c.req.method, url: c.req.url, token }, now);
  if (!proof.ok) return refused({ code: "proof-required", fault: proof.refusal });
  const { jkt, jti, usableUntil } = proof.value;
  if (!taken.take(jkt, jti, usableUntil, now)) {
    return refused({
      code: "proof-required",
      fault: "The proof was used before: sign another one, with a jti of its own",
    });
  }
  return ok(jkt);
}
