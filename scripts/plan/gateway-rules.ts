/**
 * What the planner has to know of the gateway: `wrangler.toml` as it stands, and the constants of its code that bound a sale.
 *
 * Constants that stand in modules which only workerd can load are repeated here; test/unit/plan/gateway-rules.test.ts holds
 * them against their sources.
 */
import { join } from "node:path";
import * as v from "valibot";
import { experimental_readRawConfig as readRawConfig } from "wrangler";
import { RETENTION_DEFAULT_SECONDS } from "../../durable-objects/product/retention.ts";
import { StartError } from "../gateway/start-error.ts";
import { PROJECT } from "../gateway/wrangler-environment.ts";

/** durable-objects/product/product-object.ts: commands in one commit, and commands that may wait for one. */
export const MAX_BATCH = 512;
export const MAX_WAITING = 10_000;
/** durable-objects/product/product-object.ts: from so many commands in a commit on the next one waits so long for company. */
export const RUSH_BATCH = 8;
export const RUSH_REST_MS = 6;
/** durable-objects/product/tidy.ts: orders of each kind that leave in one step. */
export const TIDY_STEP_ROWS = 500;
/** durable-objects/product/ledger-batch.ts: holds that end in one commit. */
export const SWEEP_CHUNK = 500;
/** durable-objects/product/outbox.ts: an event that the writer has not acknowledged by then is sent again. */
export const RESEND_AFTER_MS = 5000;
/** durable-objects/product/outbox.ts: how long events gather behind a sending. */
export const GATHER_MS = 50;
/** src/origin/writer/apply-events.ts: events in one transaction. */
export const TRANSACTION_EVENTS = 1000;
/** durable-objects/limiter/limiter-object.ts: how long a count may be in memory only. */
export const LIMITER_FLUSH_MS = 1000;
/** src/control/control-copy.ts: from this age on an isolate asks the control object again. */
export const CONTROL_REFRESH_MS = 1000;
/** src/challenge/burn.ts: objects that challenges are spread over. */
export const CHALLENGE_SHARDS = 32;
/** client/retry.ts: how often a page repeats a call to a gateway that is busy, and when it first does. */
export const MOST_REPEATS = 4;
export const FIRST_REPEAT_MS = 300;
export const REPEAT_GROWTH = 3;
/** src/refusal.ts: what a busy gateway asks for (Retry-After), and how the page spreads itself behind it. */
export const BUSY_RETRY_MS = 1000;
export const REPEAT_JITTER_MS = 400;
/** client/pace.ts: pages look again within so long after the opening. */
export const OPENING_JITTER_MS = 400;

const whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const policy = v.looseObject({
  at: v.array(v.string()),
  key: v.array(v.string()),
  limit: whole,
  window_seconds: v.pipe(v.number(), v.minValue(1)),
  store: v.optional(v.string(), "exact"),
  mode: v.optional(v.string(), "enforce"),
});
const wrangler = v.looseObject({
  queues: v.looseObject({
    consumers: v.array(
      v.looseObject({
        queue: v.string(),
        max_batch_size: v.optional(whole, 10),
        max_batch_timeout: v.optional(v.number(), 5),
        max_concurrency: v.optional(whole),
      }),
    ),
  }),
  observability: v.optional(
    v.looseObject({ enabled: v.optional(v.boolean(), false), head_sampling_rate: v.optional(v.number(), 1) }),
    {},
  ),
  vars: v.looseObject({
    SALE: v.looseObject({
      copy_max_age_ms: whole,
      order_retention_seconds: v.optional(whole, RETENTION_DEFAULT_SECONDS),
    }),
    CHALLENGE: v.looseObject({
      pow: v.looseObject({ trials_least: whole, trials_most: whole, full_pressure_per_second: whole }),
    }),
    LIMITS: v.looseObject({ shards: whole, store_timeout_ms: whole, policies: v.record(v.string(), policy) }),
    RISK: v.looseObject({
      mode: v.string(),
      signals: v.record(v.string(), v.looseObject({ weight: v.number() })),
    }),
  }),
});

const ORDER_QUEUE = "sluice-order-events";

export interface GatewayRules {
  /** How old an isolate's copy of a product may be; it is fetched anew at half of that. */
  readonly copyMaxAgeMs: number;
  /** How long an order that is over stays in its object. */
  readonly retentionMs: number;
  /** Limiter objects that one kind of owner is spread over. */
  readonly limiterShards: number;
  /** What the gateway gives a limiter object for its answer. */
  readonly storeTimeoutMs: number;
  /** Whether the token's exact limits ask an object for the address, and one for the buyer. */
  readonly clientTake: boolean;
  readonly buyerTake: boolean;
  /** Whether risk asks an object how many accounts an address has: in the address's call, where its limits make one. */
  readonly accountsTake: boolean;
  /** Token requests that one buyer may make in `perSeconds`; null where nothing limits them. */
  readonly tokensPerBuyer: { readonly limit: number; readonly perSeconds: number } | null;
  readonly trials: { readonly least: number; readonly most: number; readonly fullPressurePerSecond: number };
  readonly batch: { readonly messages: number; readonly timeoutMs: number; readonly atOnce: number };
  /** The share of invocations whose logs are kept. */
  readonly logged: number;
}

/** Reads wrangler.toml. @throws StartError that names the key which the planner cannot do without. */
export function readGatewayRules(path: string = join(PROJECT, "wrangler.toml")): GatewayRules {
  const { rawConfig }: { readonly rawConfig: unknown } = readRawConfig({ config: path });
  const parsed = v.safeParse(wrangler, rawConfig);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new StartError(`wrangler.toml: ${v.getDotPath(issue) ?? "the file"} ${issue.message}`);
  }
  const { queues, observability, vars } = parsed.output;
  const consumer = queues.consumers.find(({ queue }) => queue === ORDER_QUEUE);
  if (consumer === undefined) throw new StartError(`wrangler.toml: no consumer of the queue ${ORDER_QUEUE}`);
  const atToken = Object.values(vars.LIMITS.policies).filter(({ at, mode }) => at.includes("token") && mode !== "off");
  const exact = atToken.filter(({ store }) => store === "exact");
  const ofBuyer = atToken.filter(({ key, mode }) => key.includes("user") && mode === "enforce");
  const tightest = ofBuyer.toSorted((a, b) => a.limit / a.window_seconds - b.limit / b.window_seconds)[0];
  const { trials_least, trials_most, full_pressure_per_second } = vars.CHALLENGE.pow;
  return {
    copyMaxAgeMs: vars.SALE.copy_max_age_ms,
    retentionMs: vars.SALE.order_retention_seconds * 1000,
    limiterShards: vars.LIMITS.shards,
    storeTimeoutMs: vars.LIMITS.store_timeout_ms,
    clientTake: exact.some(({ key }) => !key.includes("user")),
    buyerTake: exact.some(({ key }) => key.includes("user")),
    accountsTake: vars.RISK.mode !== "off" && (vars.RISK.signals["accounts-per-address"]?.weight ?? 0) > 0,
    tokensPerBuyer: tightest === undefined ? null : { limit: tightest.limit, perSeconds: tightest.window_seconds },
    trials: { least: trials_least, most: trials_most, fullPressurePerSecond: full_pressure_per_second },
    batch: {
      messages: consumer.max_batch_size,
      timeoutMs: consumer.max_batch_timeout * 1000,
      atOnce: consumer.max_concurrency ?? 1,
    },
    logged: observability.enabled ? observability.head_sampling_rate : 0,
  };
}
