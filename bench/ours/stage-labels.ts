/** What stands at each place of the two ways that are cut after each stage: as many names as the app has stages, which a test sees to. */

/** The stage of a token's way that asks objects, and that of a checkout's. */
export const EXACT_LIMITS = "exact limits, accounts of the address";
export const HOLDING = "hold in the object, outbox, writer, Postgres";

export type Route = "token" | "checkout";

export const STAGE_LABELS: Readonly<Record<Route, readonly string[]>> = {
  token: [
    "admit, CORS, lists",
    "product copy",
    "stock by the copy",
    "what is remembered against the address",
    "body cap, sieve",
    "identity (ES256), list of buyers",
    EXACT_LIMITS,
    "holder, body",
    "risk",
    "challenge",
    "token signed (HS256)",
  ],
  checkout: [
    "admit, CORS, lists",
    "product copy",
    "begun, gate, body cap, shape of the token, stock",
    "token's signature (HS256)",
    "sieve",
    "possession, how soon it came",
    "exact limits (none unless configured)",
    HOLDING,
  ],
};
