/**
 * The limits' table in wrangler.toml (`[vars.LIMITS]`): its schema, and what the stage reads of it.
 *
 * Strict on purpose: a limit that is misspelt, unreachable or contradictory must stop the start, because a limit that
 * silently does nothing looks exactly like one that holds. What it cannot see: the limit of a native binding, which the
 * platform does not tell; a test compares wrangler.toml with itself for that.
 */
import * as v from "valibot";
import { ConfigError } from "../config-error.ts";

const CALLS = ["read", "token", "checkout"] as const;
const KEY_PARTS = ["ip", "user", "product"] as const;
const MODES = ["enforce", "shadow", "off"] as const;
const FAILURE_RULES = ["closed", "open", "local"] as const;

export type LimitedCall = (typeof CALLS)[number];
export type KeyPart = (typeof KEY_PARTS)[number];
export type PolicyMode = (typeof MODES)[number];
export type FailureRule = (typeof FAILURE_RULES)[number];

export interface Policy {
  /** Of `[a-z0-9-]`, so that it is a structured-field string as it stands. */
  readonly name: string;
  readonly at: readonly LimitedCall[];
  readonly key: readonly KeyPart[];
  /** Requests per window and key. */
  readonly limit: number;
  readonly windowSeconds: number;
  readonly store: { readonly kind: "native"; readonly binding: string } | { readonly kind: "isolate" | "exact" };
  readonly mode: PolicyMode;
  readonly onFailure: { readonly rule: "closed" | "open" } | { readonly rule: "local"; readonly limit: number };
}

export interface LimitsConfig {
  /** `quiet` hides which policy fired, as OWASP advises: no RateLimit fields, Retry-After only. */
  readonly verbosity: "full" | "quiet";
  readonly shards: number;
  readonly storeTimeoutMs: number;
  readonly memoryEntries: number;
  readonly policies: readonly Policy[];
}

/** The most a sliding log holds: 8 bytes a unit make a row of 8 kB that every request of its key reads and rewrites. */
export const EXACT_LIMIT_MAX = 1000;
/** One day. Longer windows are quotas, which no flash sale needs and whose rows would outlive it. */
const EXACT_WINDOW_MAX_SECONDS = 86_400;
/** The periods that Cloudflare's binding knows: https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/ */
const NATIVE_WINDOWS_SECONDS: readonly number[] = [10, 60];
/** A sieve for a million requests in a window sieves nothing; more is a slip of the keyboard. */
const NATIVE_LIMIT_MAX = 1_000_000;
/** Every policy of a call is evaluated on every request, and is named in its headers. */
const POLICIES_MAX = 32;
/** Objects beyond this are mostly asleep, and waking one costs more than sharing one. */
const SHARDS_MAX = 1024;
/** Less would refuse while a healthy store answers; more is a hang to a buyer. */
const STORE_TIMEOUT_MS = { min: 10, max: 5000 } as const;
/** About 200 bytes each: at most 20 MB of an isolate's 128. */
const MEMORY_ENTRIES_MAX = 100_000;

const NAME = /^[a-z0-9-]{1,64}$/;

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

/** A table that knows every key of it; valibot alone would take a list for an empty one. */
function tableOf<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.pipe(v.custom<object>(isTable, "Must be a table"), v.strictObject(entries));
}

const LimitsTable = tableOf({
  verbosity: oneOf(["full", "quiet"]),
  shards: integer(1, SHARDS_MAX),
  store_timeout_ms: integer(STORE_TIMEOUT_MS.min, STORE_TIMEOUT_MS.max),
  memory_entries: integer(0, MEMORY_ENTRIES_MAX),
  // Not a v.record, which leaves out names such as "constructor" without a word.
  policies: v.custom<Readonly<Record<string, unknown>>>(isTable, "Must be a table of policies"),
});

const PolicyTable = tableOf({
  at: listOf(CALLS),
  key: listOf(KEY_PARTS),
  limit: integer(1, NATIVE_LIMIT_MAX),
  window_seconds: integer(1, EXACT_WINDOW_MAX_SECONDS),
  store: oneOf(["isolate", "native", "exact"]),
  binding: v.optional(v.string("Must be the name of a [[ratelimits]] binding")),
  mode: oneOf(MODES),
  on_failure: v.optional(oneOf(FAILURE_RULES)),
  local_limit: v.optional(integer(1, EXACT_LIMIT_MAX)),
});

type PolicyTable = v.InferOutput<typeof PolicyTable>;
type Field = keyof PolicyTable;

interface Problem {
  readonly key: string;
  readonly message: string;
}

function isTable(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** valibot's own words for a strict object's keys quote them; ours say what is wrong with them. */
function problemOf(prefix: string, issue: v.BaseIssue<unknown>): Problem {
  const path = v.getDotPath(issue);
  const key = path === null ? prefix : `${prefix}.${path}`;
  if (issue.type === "strict_object" && path !== null) {
    return { key, message: issue.expected === "never" ? "Is not a known key" : "Is missing" };
  }
  return { key, message: issue.message };
}

/** What the fields of one policy say against each other. */
function contradictionsOf(table: PolicyTable, env: Readonly<Record<string, unknown>>): readonly [Field, string][] {
  return [...userContradictions(table), ...storeContradictions(table, env), ...failureContradictions(table)];
}

function userContradictions({ key, at }: PolicyTable): [Field, string][] {
  if (!key.includes("user") || at.every((call) => call === "token")) return [];
  return [["key", 'Must not have "user" unless at is ["token"]: no user is known elsewhere']];
}

function storeContradictions(table: PolicyTable, env: Readonly<Record<string, unknown>>): [Field, string][] {
  const found: [Field, string][] = [];
  if (table.store !== "native") {
    if (table.binding !== undefined) found.push(["binding", `Must be absent where store is "${table.store}"`]);
    if (table.store === "exact" && table.limit > EXACT_LIMIT_MAX) {
      found.push(["limit", `Must be at most ${EXACT_LIMIT_MAX} where store is "exact"`]);
    }
    return found;
  }
  if (!NATIVE_WINDOWS_SECONDS.includes(table.window_seconds)) {
    found.push(["window_seconds", `Must be ${NATIVE_WINDOWS_SECONDS.join(" or ")} where store is "native"`]);
  }
  if (table.binding === undefined) found.push(["binding", 'Is missing: store is "native"']);
  else if (!isSieve(Object.hasOwn(env, table.binding) ? env[table.binding] : undefined)) {
    found.push(["binding", "Must name a [[ratelimits]] binding; none has this name"]);
  }
  return found;
}

function failureContradictions(table: PolicyTable): [Field, string][] {
  if (table.store === "isolate") {
    const present = (["on_failure", "local_limit"] as const).filter((field) => table[field] !== undefined);
    return present.map((field) => [field, 'Must be absent where store is "isolate": it cannot fail']);
  }
  if (table.on_failure === undefined) return [["on_failure", "Is missing"]];
  if (table.on_failure !== "local") {
    return table.local_limit === undefined ? [] : [["local_limit", 'Must be absent unless on_failure is "local"']];
  }
  if (table.local_limit === undefined) return [["local_limit", 'Is missing: on_failure is "local"']];
  return table.local_limit > table.limit ? [["local_limit", "Must be at most limit"]] : [];
}

/** A binding of `[[ratelimits]]`, as far as its shape tells. */
export function isSieve(binding: unknown): binding is RateLimit {
  return typeof binding === "object" && binding !== null && "limit" in binding && typeof binding.limit === "function";
}

function storeOf({ store, binding }: PolicyTable): Policy["store"] {
  return store === "native" ? { kind: "native", binding: binding ?? "" } : { kind: store };
}

function failureOf({ on_failure: rule, local_limit: local, limit }: PolicyTable): Policy["onFailure"] {
  if (rule === "local") return { rule, limit: local ?? limit };
  return { rule: rule ?? "closed" };
}

function policyOf(name: string, table: PolicyTable): Policy {
  return {
    name,
    at: table.at,
    key: table.key,
    limit: table.limit,
    windowSeconds: table.window_seconds,
    store: storeOf(table),
    mode: table.mode,
    onFailure: failureOf(table),
  };
}

function parsePolicy(
  name: string,
  raw: unknown,
  env: Readonly<Record<string, unknown>>,
): { readonly policy: Policy } | { readonly problems: readonly Problem[] } {
  const prefix = `LIMITS.policies.${name}`;
  if (!NAME.test(name))
    return { problems: [{ key: prefix, message: "Must have a name of 1 to 64 of a-z, 0-9 and -" }] };
  const parsed = v.safeParse(PolicyTable, raw);
  if (!parsed.success) return { problems: parsed.issues.map((issue) => problemOf(prefix, issue)) };
  const contradictions = contradictionsOf(parsed.output, env);
  if (contradictions.length === 0) return { policy: policyOf(name, parsed.output) };
  return { problems: contradictions.map(([field, message]) => ({ key: `${prefix}.${field}`, message })) };
}

/** One error for all problems: the first gives it its key, the others stand in its message. */
function assertNone(problems: readonly Problem[]): void {
  const [first, ...others] = problems;
  if (first === undefined) return;
  throw new ConfigError(
    first.key,
    [first.message, ...others.map(({ key, message }) => `${key}: ${message}`)].join("; "),
  );
}

/**
 * The limits that an environment asks for.
 *
 * @param raw `env.LIMITS`, as wrangler makes it of `[vars.LIMITS]`.
 * @param env where the native policies' bindings are looked up.
 * @throws ConfigError naming policy and key; further problems stand in its message.
 */
export function parseLimits(raw: unknown, env: Readonly<Record<string, unknown>>): LimitsConfig {
  const parsed = v.safeParse(LimitsTable, raw);
  if (!parsed.success) {
    assertNone(parsed.issues.map((issue) => problemOf("LIMITS", issue)));
    throw new ConfigError("LIMITS", "Must be a table");
  }
  const table = parsed.output;
  const entries = Object.entries(table.policies);
  if (entries.length > POLICIES_MAX)
    throw new ConfigError("LIMITS.policies", `Must be at most ${POLICIES_MAX} policies`);
  const results = entries.map(([name, policy]) => parsePolicy(name, policy, env));
  assertNone(results.flatMap((result) => ("problems" in result ? result.problems : [])));
  return {
    verbosity: table.verbosity,
    shards: table.shards,
    storeTimeoutMs: table.store_timeout_ms,
    memoryEntries: table.memory_entries,
    policies: results.flatMap((result) => ("policy" in result ? [result.policy] : [])),
  };
}
