/**
 * How soon after its token a checkout comes: noted at the checkout, weighed at the client's next request for a token.
 *
 * The sale page checks out by itself as soon as it has its token, so that a person's checkout is as quick as the way to the gateway and back
 * allows, and the time says where a client is, not who: what is quicker than any home's or phone's network is a machine beside the edge. So
 * this stage refuses nobody, and a right that was handed out stays one. What it gives up: two isolates' clocks may differ by some
 * ms, and a client is remembered in one isolate only.
 */
import type { Context } from "hono";
import type { AppEnv } from "../context.ts";
import { logEvent } from "../log.ts";
import type { Answer, Next } from "../way.ts";
import { clientMemoryOf } from "./client-memory.ts";

interface SpeedEnv extends AppEnv {
  Variables: AppEnv["Variables"] & {
    /** Ms since the epoch; null: the token does not say when it was issued. */
    token: { readonly issuedAt: number | null };
  };
}

/** Behind the verification of the token. */
export function noteCheckoutSpeed() {
  return function noteSpeedOfCheckout(c: Context<SpeedEnv>, next: Next): Answer {
    const { risk } = c.get("config");
    const { weight, threshold } = risk.signals["fast-checkout"];
    const { issuedAt } = c.get("token");
    if (risk.mode === "off" || weight === 0 || issuedAt === null) return next(c);
    const now = Date.now();
    const tokenAgeMs = now - issuedAt;
    // A token from the future: the clocks of two isolates differ, and nothing is known.
    if (tokenAgeMs < 0) return next(c);
    clientMemoryOf(risk).checkedOut(c.get("client").key, tokenAgeMs, now);
    if (tokenAgeMs < threshold) logEvent("info", "fast-checkout", { requestId: c.get("requestId"), tokenAgeMs });
    return next(c);
  };
}
