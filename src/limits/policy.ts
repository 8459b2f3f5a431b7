/**
 * The limits of `[vars.LIMITS]` in wrangler.toml, typed and checked: what the stage reads of them.
 *
 * Strict on purpose: a limit that is misspelt, unreachable or contradictory must stop the start, because a limit that
 * silently does nothing looks exactly like one that holds. What it cannot see: the limit of a native binding, which the
 * platform does not tell; a test compares wrangler.toml with itself for that.
 */
import * as v from "valibot";
import { ConfigError } from "../config-error.ts";
import { contradictionsOf } from "./policy-contradictions.ts";
import { isTable, LimitsTable, PolicyTable, problemOf, type Problem } from "./policy-table.ts";
import { parseUpstashSecrets, type UpstashSecrets } from "./upstash-secrets.ts";

export type LimitedCall = "read" | "token" | "checkout";
export type KeyPart = "ip" | "user" | "product" | "country" | "asn" | "fingerprint";
export type PolicyMode = "enforce" | "shadow" | "off";
export type FailureRule = "closed" | "open" | "local";
export type ExactAlgorithm = "sliding-log" | "gcra";
export type UpstashAlgorithm = "fixed-window" | "sliding-window" | "token-bucket";

export type PolicyStore =
  | { readonly kind: "native"; readonly binding: string }
  | { readonly kind: "isolate" }
  | { readonly kind: "exact"; readonly algorithm: ExactAlgorithm }
  | { readonly kind: "upstash"; readonly algorithm: UpstashAlgorithm; readonly timeoutMs: number };

/** Other limits around the start of a round; the policy's own where a part is not there. */
export interface Phases {
  readonly before?: { readonly limit: number };
  readonly start?: { readonly limit: number; readonly seconds: number };
  readonly after?: { readonly limit: number };
}

export interface Policy {
  /** Of `[a-z0-9-]`, so that it is a structured-field string as it stands. */
  readonly name: string;
  readonly at: readonly LimitedCall[];
  readonly key: readonly KeyPart[];
  /** Units per window and key. */
  readonly limit: number;
  /** The most units at once; `limit` where the algorithm knows no other. */
  readonly burst: number;
  readonly windowSeconds: number;
  /** Units that a call takes. */
  readonly cost: Readonly<Record<LimitedCall, number>>;
  readonly store: PolicyStore;
  readonly mode: PolicyMode;
  readonly onFailure: { readonly rule: "closed" | "open" } | { readonly rule: "local"; readonly limit: number };
  readonly phases: Phases;
}

export interface LimitsConfig {
  /** `quiet` hides which policy fired, as OWASP advises: no RateLimit fields, Retry-After only. */
  readonly verbosity: "full" | "quiet";
  readonly shards: number;
  readonly storeTimeoutMs: number;
  readonly memoryEntries: number;
  /** Leading bits of an IPv6 address that are one client. */
  readonly ipv6Prefix: number;
  /** Null where no policy is counted there. */
  readonly upstash: UpstashSecrets | null;
  readonly policies: readonly Policy[];
}

/** Every policy of a call is evaluated on every request, and is named in its headers. */
const POLICIES_MAX = 32;
const NAME = /^[a-z0-9-]{1,64}$/;

function storeOf(table: PolicyTable, upstashTimeoutMs: number): PolicyStore {
  switch (table.store) {
    case "native":
      return { kind: "native", binding: table.binding ?? "" };
    case "isolate":
      return { kind: "isolate" };
    case "exact":
      return { kind: "exact", algorithm: table.algorithm === "gcra" ? "gcra" : "sliding-log" };
    case "upstash": {
      const algorithm = table.algorithm as UpstashAlgorithm;
      return { kind: "upstash", algorithm, timeoutMs: table.store_timeout_ms ?? upstashTimeoutMs };
    }
  }
}

function costOf({ cost = 1 }: PolicyTable): Policy["cost"] {
  const per = typeof cost === "number" ? { read: cost, token: cost, checkout: cost } : cost;
  return { read: per.read ?? 1, token: per.token ?? 1, checkout: per.checkout ?? 1 };
}

/** Half of the limit, unless a call costs more: room for people who come at once, and for those who come steadily. */
function burstOf(table: PolicyTable): number {
  if (table.algorithm !== "gcra" && table.algorithm !== "token-bucket") return table.limit;
  const half = Math.ceil(table.limit / 2);
  return table.burst ?? Math.max(half, ...table.at.map((call) => costOf(table)[call]));
}

function failureOf({ on_failure: rule, local_limit: local, limit }: PolicyTable): Policy["onFailure"] {
  if (rule === "local") return { rule, limit: local ?? limit };
  return { rule: rule ?? "closed" };
}

function phasesOf({ phases = {} }: PolicyTable): Phases {
  const { before, start, after } = phases;
  return {
    ...(before === undefined ? {} : { before }),
    ...(start === undefined ? {} : { start }),
    ...(after === undefined ? {} : { after }),
  };
}

function policyOf(name: string, table: PolicyTable, upstashTimeoutMs: number): Policy {
  return {
    name,
    at: table.at,
    key: table.key,
    limit: table.limit,
    burst: burstOf(table),
    windowSeconds: table.window_seconds,
    cost: costOf(table),
    store: storeOf(table, upstashTimeoutMs),
    mode: table.mode,
    onFailure: failureOf(table),
    phases: phasesOf(table),
  };
}

function parsePolicy(
  name: string,
  raw: unknown,
  env: Readonly<Record<string, unknown>>,
  upstashTimeoutMs: number,
): { readonly policy: Policy } | { readonly problems: readonly Problem[] } {
  const prefix = `LIMITS.policies.${name}`;
  if (!NAME.test(name))
    return { problems: [{ key: prefix, message: "Must have a name of 1 to 64 of a-z, 0-9 and -" }] };
  const parsed = v.safeParse(PolicyTable, raw);
  if (!parsed.success) return { problems: parsed.issues.map((issue) => problemOf(prefix, issue)) };
  const policy = policyOf(name, parsed.output, upstashTimeoutMs);
  const contradictions = contradictionsOf(parsed.output, policy, env);
  if (contradictions.length === 0) return { policy };
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
 * @param env where the native policies' bindings are looked up, and the secrets of Upstash if a policy is counted there.
 * @throws ConfigError naming policy and key; further problems stand in its message.
 */
export function parseLimits(raw: unknown, env: Readonly<Record<string, unknown>>): LimitsConfig {
  const parsed = v.safeParse(LimitsTable, raw);
  if (!parsed.success) {
    assertNone(parsed.issues.map((issue) => problemOf("LIMITS", issue)));
    throw new ConfigError("LIMITS", "Must be a table");
  }
  const table = parsed.output;
  if (!isTable(table.policies)) throw new ConfigError("LIMITS.policies", "Must be a table of policies");
  const entries = Object.entries(table.policies);
  if (entries.length > POLICIES_MAX)
    throw new ConfigError("LIMITS.policies", `Must be at most ${POLICIES_MAX} policies`);
  const results = entries.map(([name, policy]) => parsePolicy(name, policy, env, table.upstash_timeout_ms));
  assertNone(results.flatMap((result) => ("problems" in result ? result.problems : [])));
  const policies = results.flatMap((result) => ("policy" in result ? [result.policy] : []));
  return {
    verbosity: table.verbosity,
    shards: table.shards,
    storeTimeoutMs: table.store_timeout_ms,
    memoryEntries: table.memory_entries,
    ipv6Prefix: table.ipv6_prefix,
    upstash: policies.some(({ store }) => store.kind === "upstash") ? parseUpstashSecrets(env) : null,
    policies,
  };
}
