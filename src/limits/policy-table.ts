/** The schema of `[vars.LIMITS]`: every key with its kind and bounds. What keys say against one another is elsewhere. */
import * as v from "valibot";
import type { FailureRule, KeyPart, LimitedCall, PolicyMode } from "./policy.ts";

const CALLS = ["read", "token", "checkout"] as const satisfies readonly LimitedCall[];
const KEY_PARTS = ["ip", "user", "product", "country", "asn", "fingerprint"] as const satisfies readonly KeyPart[];
const MODES = ["enforce", "shadow", "off"] as const satisfies readonly PolicyMode[];
const FAILURE_RULES = ["closed", "open", "local"] as const satisfies readonly FailureRule[];
const STORES = ["isolate", "native", "exact", "upstash"] as const;
const ALGORITHMS = ["sliding-log", "gcra", "fixed-window", "sliding-window", "token-bucket"] as const;

/** The most a sliding log holds: 8 bytes a unit make a row of 8 kB that every request of its key reads and rewrites. */
export const EXACT_LIMIT_MAX = 1000;
/** A limit of a million requests in a window limits nothing; more is a slip of the keyboard. */
export const LIMIT_MAX = 1_000_000;
/** One day. Longer windows are quotas, which no flash sale needs and whose rows would outlive it. */
const WINDOW_MAX_SECONDS = 86_400;
/** Objects beyond this are mostly asleep, and waking one costs more than sharing one. */
const SHARDS_MAX = 1024;
/** Less would refuse while a healthy store answers; more is a hang to a buyer. */
const STORE_TIMEOUT_MS = { min: 10, max: 5000 } as const;
/** Redis at the next corner answers in a few ms; what takes longer than this is better not waited for. */
const UPSTASH_TIMEOUT_MS = 80;
/** About 200 bytes each: at most 20 MB of an isolate's 128. */
const MEMORY_ENTRIES_MAX = 100_000;
/** What one subscriber gets of IPv6: a /64 at least, a /48 at most (RFC 6177). */
const IPV6_PREFIX = { min: 48, max: 64 } as const;
/** A round's first hour; what lasts longer is the round. */
const START_SECONDS_MAX = 3600;

function oneOf<const Options extends readonly string[]>(options: Options) {
  return v.picklist(options, `Must be ${options.map((option) => `"${option}"`).join(" or ")}`);
}

function integer(min: number, max: number) {
  const message = `Must be a whole number from ${min} to ${max}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message));
}

function listOf<const Options extends readonly string[]>(options: Options) {
  return v.pipe(
    v.array(oneOf(options), "Must be a list"),
    v.minLength(1, "Must have at least one entry"),
    v.check((list) => new Set(list).size === list.length, "Must have every entry once"),
  );
}

export function isTable(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A table that knows every key of it; valibot alone would take a list for an empty one. */
function tableOf<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.pipe(v.custom<object>(isTable, "Must be a table"), v.strictObject(entries));
}

export const LimitsTable = tableOf({
  verbosity: oneOf(["full", "quiet"]),
  shards: integer(1, SHARDS_MAX),
  store_timeout_ms: integer(STORE_TIMEOUT_MS.min, STORE_TIMEOUT_MS.max),
  upstash_timeout_ms: v.optional(integer(STORE_TIMEOUT_MS.min, STORE_TIMEOUT_MS.max), UPSTASH_TIMEOUT_MS),
  memory_entries: integer(0, MEMORY_ENTRIES_MAX),
  ipv6_prefix: v.optional(integer(IPV6_PREFIX.min, IPV6_PREFIX.max), IPV6_PREFIX.max),
  // Not a v.record, which leaves out names such as "constructor" without a word.
  policies: v.custom<Readonly<Record<string, unknown>>>(isTable, "Must be a table of policies"),
});

const limit = integer(1, LIMIT_MAX);
const phase = v.optional(tableOf({ limit }));

export const PolicyTable = tableOf({
  at: listOf(CALLS),
  key: listOf(KEY_PARTS),
  limit,
  burst: v.optional(limit),
  window_seconds: integer(1, WINDOW_MAX_SECONDS),
  cost: v.optional(
    v.lazy((input) =>
      isTable(input)
        ? tableOf({ read: v.optional(limit), token: v.optional(limit), checkout: v.optional(limit) })
        : limit,
    ),
  ),
  store: oneOf(STORES),
  algorithm: v.optional(oneOf(ALGORITHMS)),
  binding: v.optional(v.string("Must be the name of a [[ratelimits]] binding")),
  store_timeout_ms: v.optional(integer(STORE_TIMEOUT_MS.min, STORE_TIMEOUT_MS.max)),
  mode: oneOf(MODES),
  on_failure: v.optional(oneOf(FAILURE_RULES)),
  local_limit: v.optional(integer(1, EXACT_LIMIT_MAX)),
  phases: v.optional(
    tableOf({
      before: phase,
      start: v.optional(tableOf({ limit, seconds: integer(1, START_SECONDS_MAX) })),
      after: phase,
    }),
  ),
});

export type PolicyTable = v.InferOutput<typeof PolicyTable>;

/** What is wrong with one key. */
export interface Problem {
  readonly key: string;
  readonly message: string;
}

/** valibot's own words for a strict object's keys quote them; ours say what is wrong with them. */
export function problemOf(prefix: string, issue: v.BaseIssue<unknown>): Problem {
  const path = v.getDotPath(issue);
  const key = path === null ? prefix : `${prefix}.${path}`;
  if (issue.type === "strict_object" && path !== null) {
    return { key, message: issue.expected === "never" ? "Is not a known key" : "Is missing" };
  }
  return { key, message: issue.message };
}
