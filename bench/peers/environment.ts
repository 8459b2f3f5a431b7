/** What a peer's process is told by its environment, checked once. */
import * as v from "valibot";

const count = v.pipe(v.string(), v.digits(), v.transform(Number));
const limit = v.pipe(v.string(), v.digits(), v.transform(Number), v.minValue(1));

/** As in wrangler.toml: what one address and one buyer may ask within a minute. */
const REQUESTS_PER_CLIENT = "600";
const REQUESTS_PER_BUYER = "10";
/** Of the peers that are nothing but limits: requests that one key may make in a minute. */
const LIMIT = "10";

const environment = v.object({
  /** 0: a free one. */
  PORT: v.optional(count, "0"),
  DATABASE_URL: v.optional(v.string(), ""),
  REDIS_PORT: v.optional(count, "0"),
  REST_URL: v.optional(v.string(), ""),
  REST_TOKEN: v.optional(v.string(), ""),
  STOCK: v.optional(count, "0"),
  PER_BUYER: v.optional(v.literal("1", "Peers sell one unit to a buyer: PER_BUYER must be 1"), "1"),
  /** base64url of the HS256 secret. */
  TOKEN_KEY: v.optional(v.string(), ""),
  /** Connections to Postgres. @default the peer's own, found by tune.ts */
  POOL: v.optional(limit),
  /** Mean pause before a lock is tried again. @default as in tuned.ts */
  LOCK_PAUSE_MS: v.optional(limit),
  CLIENT_LIMIT: v.optional(limit, REQUESTS_PER_CLIENT),
  BUYER_LIMIT: v.optional(limit, REQUESTS_PER_BUYER),
  LIMIT: v.optional(limit, LIMIT),
});

export type PeerEnvironment = v.InferOutput<typeof environment>;

/** Of every limit in the bench, in seconds. */
export const WINDOW_SECONDS = 60;

export function readEnvironment(): PeerEnvironment {
  return v.parse(environment, process.env);
}
