/** What the fields of one policy say against each other, and against the stores that they name. Pure. */
import type { Policy } from "./policy.ts";
import { EXACT_LIMIT_MAX, type PolicyTable } from "./policy-table.ts";

/** A field of the policy's table, dotted where it is inside another, and what is wrong with it. */
export type Contradiction = readonly [field: string, message: string];

/** The periods that Cloudflare's binding knows: https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/ */
const NATIVE_WINDOWS_SECONDS: readonly number[] = [10, 60];

const ALGORITHMS_OF = {
  exact: ["sliding-log", "gcra"],
  upstash: ["fixed-window", "sliding-window", "token-bucket"],
} as const;

/** @param env has the bindings that native policies name. */
export function contradictionsOf(
  table: PolicyTable,
  policy: Policy,
  env: Readonly<Record<string, unknown>>,
): readonly Contradiction[] {
  return [
    ...ofKey(table),
    ...ofBinding(table, env),
    ...ofAlgorithm(table),
    ...ofLimits(table, policy),
    ...ofCost(table, policy),
    ...ofPhases(table),
    ...ofFailure(table),
  ];
}

function ofKey({ key, at }: PolicyTable): readonly Contradiction[] {
  if (!key.includes("user") || !at.includes("read")) return [];
  return [["key", 'Must not have "user" where at has "read": no user is known there']];
}

function ofBinding(table: PolicyTable, env: Readonly<Record<string, unknown>>): readonly Contradiction[] {
  const found: Contradiction[] = [];
  if (table.store !== "upstash" && table.store_timeout_ms !== undefined) {
    found.push([
      "store_timeout_ms",
      'Must be absent unless store is "upstash": LIMITS.store_timeout_ms is for all others',
    ]);
  }
  if (table.store !== "native") {
    if (table.binding !== undefined) found.push(["binding", `Must be absent where store is "${table.store}"`]);
    return found;
  }
  if (!NATIVE_WINDOWS_SECONDS.includes(table.window_seconds)) {
    found.push(["window_seconds", `Must be ${NATIVE_WINDOWS_SECONDS.join(" or ")} where store is "native"`]);
  }
  if (table.binding === undefined) found.push(["binding", 'Is missing: store is "native"']);
  else if (!isSieve(Object.hasOwn(env, table.binding) ? env[table.binding] : undefined)) {
    found.push(["binding", "Must name a [[ratelimits]] binding; none has this name"]);
  }
  if (table.phases !== undefined) found.push(["phases", 'Must be absent where store is "native": its limit is fixed']);
  return found;
}

function ofAlgorithm({ store, algorithm, burst }: PolicyTable): readonly Contradiction[] {
  if (store === "native" || store === "isolate") {
    const present = Object.entries({ algorithm, burst }).filter(([, value]) => value !== undefined);
    return present.map(([field]) => [field, `Must be absent where store is "${store}"`]);
  }
  const known: readonly string[] = ALGORITHMS_OF[store];
  const choice = known.map((name) => `"${name}"`).join(" or ");
  if (algorithm === undefined && store === "upstash") return [["algorithm", `Is missing: must be ${choice}`]];
  if (algorithm !== undefined && !known.includes(algorithm)) {
    return [["algorithm", `Must be ${choice} where store is "${store}"`]];
  }
  if (burst === undefined || algorithm === "gcra" || algorithm === "token-bucket") return [];
  return [["burst", 'Must be absent unless algorithm is "gcra" or "token-bucket"']];
}

/** The policy's limit and those of its phases, with the field that says each. */
function limitsOf({ limit, phases = {} }: PolicyTable): readonly (readonly [field: string, limit: number])[] {
  const entries = Object.entries(phases).flatMap(([name, phase]) =>
    phase === undefined ? [] : [[`phases.${name}.limit`, phase.limit] as const],
  );
  return [["limit", limit], ...entries];
}

function ofLimits(table: PolicyTable, { store, burst }: Policy): readonly Contradiction[] {
  const found: Contradiction[] = [];
  if (burst > table.limit) found.push(["burst", "Must be at most limit"]);
  // It refills as a whole, limit - burst units a window; none would be never.
  if (store.kind === "upstash" && store.algorithm === "token-bucket" && burst >= table.limit) {
    found.push([
      table.burst === undefined ? "limit" : "burst",
      'Must leave something to refill: "token-bucket" needs limit above burst',
    ]);
  }
  if (store.kind === "upstash" && store.algorithm === "token-bucket" && 2 * burst < table.limit) {
    // A refill is capped by the bucket: what does not fit into it would never come.
    found.push(["burst", 'Must be at least half of limit where algorithm is "token-bucket"']);
  }
  for (const [field, limit] of limitsOf(table)) {
    if (store.kind === "exact" && store.algorithm === "sliding-log" && limit > EXACT_LIMIT_MAX) {
      found.push([
        field,
        `Must be at most ${EXACT_LIMIT_MAX} where algorithm is "sliding-log": "gcra" has no such bound`,
      ]);
    }
    if (field !== "limit" && store.kind === "upstash" && store.algorithm === "token-bucket" && limit < 2) {
      found.push([field, 'Must be at least 2 where algorithm is "token-bucket"']);
    }
  }
  return found;
}

function ofCost(table: PolicyTable, policy: Policy): readonly Contradiction[] {
  const most = Math.max(...policy.at.map((call) => policy.cost[call]));
  if (table.cost === undefined || most === 1) return [];
  if (table.store === "native") return [["cost", 'Must be 1 where store is "native"']];
  if (table.algorithm === "sliding-window") {
    return [["cost", 'Must be 1 where algorithm is "sliding-window": its script takes a weight that does not fit']];
  }
  if (most > policy.burst) return [["cost", `Must be at most ${policy.burst}, what may come at once`]];
  if (table.local_limit !== undefined && most > table.local_limit) return [["cost", "Must be at most local_limit"]];
  return limitsOf(table).flatMap(([field, limit]): Contradiction[] =>
    most > burstAt(policy, limit) ? [[field, "Must allow the policy's cost at once"]] : [],
  );
}

/** What may come at once where the limit is another one: in proportion. */
export function burstAt({ burst, limit }: Policy, newLimit: number): number {
  return Math.max(1, Math.floor((burst * newLimit) / limit));
}

/** Before a round opens a call for a token or a checkout is answered `too-early` by the edge's copy, and not counted. */
function ofPhases({ at, phases }: PolicyTable): readonly Contradiction[] {
  if (phases?.before === undefined || at.includes("read")) return [];
  return [["phases.before", 'Must be absent unless at has "read": too-early comes before every limit elsewhere']];
}

function ofFailure(table: PolicyTable): readonly Contradiction[] {
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
