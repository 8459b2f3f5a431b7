/** The limits' table: what it becomes, and that every mistake in it is named by policy and key (F11). */
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/config-error.ts";
import { parseLimits } from "../../../src/limits/policy.ts";
import { EXACT_LIMIT_MAX } from "../../../src/limits/policy-table.ts";

const SIEVE = { limit: async () => ({ success: true }) };
const SECRETS = { UPSTASH_REDIS_REST_URL: "https://redis.example", UPSTASH_REDIS_REST_TOKEN: "secret" };
const ENV = { SIEVE_READ: SIEVE, NOT_A_SIEVE: { fetch: async () => new Response() }, ...SECRETS };

const EXACT = {
  at: ["token"],
  key: ["user"],
  limit: 10,
  window_seconds: 60,
  store: "exact",
  mode: "enforce",
  on_failure: "closed",
};
const NATIVE = {
  at: ["read", "checkout"],
  key: ["ip"],
  limit: 300,
  window_seconds: 10,
  store: "native",
  binding: "SIEVE_READ",
  mode: "enforce",
  on_failure: "open",
};
const UPSTASH = { ...EXACT, store: "upstash", algorithm: "token-bucket" };
const ONE = { read: 1, token: 1, checkout: 1 };
const TABLE = {
  verbosity: "full",
  shards: 32,
  store_timeout_ms: 250,
  memory_entries: 10_000,
  policies: { "per-buyer": EXACT, sieve: NATIVE },
};

function without(table: Record<string, unknown>, field: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(table).filter(([key]) => key !== field));
}

function errorOf(raw: unknown): ConfigError {
  try {
    parseLimits(raw, ENV);
  } catch (fault) {
    if (fault instanceof ConfigError) return fault;
    throw fault;
  }
  throw new Error("parseLimits() took what it should refuse");
}

describe("parseLimits()", () => {
  it("makes a typed configuration of a right table", () => {
    const local = { ...EXACT, key: ["ip", "product"], on_failure: "local", local_limit: 4, mode: "shadow" };
    expect(parseLimits({ ...TABLE, policies: { ...TABLE.policies, local } }, ENV)).toEqual({
      verbosity: "full",
      shards: 32,
      storeTimeoutMs: 250,
      memoryEntries: 10_000,
      ipv6Prefix: 64,
      upstash: null,
      policies: [
        {
          name: "per-buyer",
          at: ["token"],
          key: ["user"],
          limit: 10,
          burst: 10,
          windowSeconds: 60,
          cost: ONE,
          store: { kind: "exact", algorithm: "sliding-log" },
          mode: "enforce",
          onFailure: { rule: "closed" },
          phases: {},
        },
        {
          name: "sieve",
          at: ["read", "checkout"],
          key: ["ip"],
          limit: 300,
          burst: 300,
          windowSeconds: 10,
          cost: ONE,
          store: { kind: "native", binding: "SIEVE_READ" },
          mode: "enforce",
          onFailure: { rule: "open" },
          phases: {},
        },
        {
          name: "local",
          at: ["token"],
          key: ["ip", "product"],
          limit: 10,
          burst: 10,
          windowSeconds: 60,
          cost: ONE,
          store: { kind: "exact", algorithm: "sliding-log" },
          mode: "shadow",
          onFailure: { rule: "local", limit: 4 },
          phases: {},
        },
      ],
    });
  });

  it("reads burst, cost, phases, algorithm and the widths of keys", () => {
    const gcra = { ...EXACT, limit: 5000, algorithm: "gcra", cost: { token: 3 } };
    const burst = { ...EXACT, limit: 10, algorithm: "gcra", burst: 9, cost: 2 };
    const phased = {
      ...EXACT,
      at: ["read", "token"],
      key: ["ip"],
      phases: { before: { limit: 1 }, start: { limit: 2, seconds: 30 }, after: { limit: 3 } },
    };
    const wide = { ...EXACT, at: ["checkout"], key: ["country", "asn", "fingerprint"] };
    const { policies, ipv6Prefix } = parseLimits(
      { ...TABLE, ipv6_prefix: 56, policies: { gcra, burst, phased, wide } },
      ENV,
    );
    expect(ipv6Prefix).toBe(56);
    expect(policies).toMatchObject([
      { burst: 2500, cost: { read: 1, token: 3, checkout: 1 }, store: { kind: "exact", algorithm: "gcra" } },
      { burst: 9, cost: { read: 2, token: 2, checkout: 2 } },
      { burst: 10, phases: { before: { limit: 1 }, start: { limit: 2, seconds: 30 }, after: { limit: 3 } } },
      { key: ["country", "asn", "fingerprint"] },
    ]);
  });

  it("reads Upstash's time budgets and secrets, and asks for them only where a policy needs them", () => {
    const own = { ...UPSTASH, store_timeout_ms: 30 };
    const limits = parseLimits({ ...TABLE, policies: { own, all: UPSTASH } }, ENV);
    expect(limits.policies.map(({ store }) => store)).toEqual([
      { kind: "upstash", algorithm: "token-bucket", timeoutMs: 30 },
      { kind: "upstash", algorithm: "token-bucket", timeoutMs: 80 },
    ]);
    expect(limits.upstash).toEqual({ url: "https://redis.example", token: "secret" });
    expect(parseLimits({ ...TABLE, policies: {} }, {}).upstash).toBeNull();
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["no URL", { UPSTASH_REDIS_REST_TOKEN: "secret" }, "UPSTASH_REDIS_REST_URL"],
    ["an URL in the clear", { ...SECRETS, UPSTASH_REDIS_REST_URL: "http://redis.example" }, "UPSTASH_REDIS_REST_URL"],
    ["an URL that is none", { ...SECRETS, UPSTASH_REDIS_REST_URL: "redis" }, "UPSTASH_REDIS_REST_URL"],
    ["no token", { UPSTASH_REDIS_REST_URL: "https://redis.example" }, "UPSTASH_REDIS_REST_TOKEN"],
    ["a token with a blank", { ...SECRETS, UPSTASH_REDIS_REST_TOKEN: "secret\n" }, "UPSTASH_REDIS_REST_TOKEN"],
  ])("F11 names the secret for %s", (_, env, key) => {
    let fault: unknown;
    try {
      parseLimits({ ...TABLE, policies: { upstash: UPSTASH } }, env);
    } catch (thrown) {
      fault = thrown;
    }
    expect(fault).toBeInstanceOf(ConfigError);
    expect(fault).toMatchObject({ key });
    expect(String(fault)).not.toContain("secret\n");
  });

  it("takes policies with the names of object properties, and no policies at all", () => {
    const policies = { constructor: EXACT, prototype: EXACT };
    expect(parseLimits({ ...TABLE, policies }, ENV).policies.map(({ name }) => name)).toEqual([
      "constructor",
      "prototype",
    ]);
    expect(parseLimits({ ...TABLE, policies: {} }, ENV).policies).toEqual([]);
  });

  it.each<[string, unknown, string]>([
    ["no table", undefined, "LIMITS"],
    ["a list for a table", [], "LIMITS"],
    ["text for a table", JSON.stringify(TABLE), "LIMITS"],
    ["an unknown key", { ...TABLE, shard: 32 }, "LIMITS.shard"],
    ["a missing key", without(TABLE, "shards"), "LIMITS.shards"],
    ["a verbosity that is none", { ...TABLE, verbosity: "loud" }, "LIMITS.verbosity"],
    ["no shards", { ...TABLE, shards: 0 }, "LIMITS.shards"],
    ["half a shard", { ...TABLE, shards: 1.5 }, "LIMITS.shards"],
    ["shards as text", { ...TABLE, shards: "32" }, "LIMITS.shards"],
    ["a time budget too small", { ...TABLE, store_timeout_ms: 9 }, "LIMITS.store_timeout_ms"],
    ["a time budget too large", { ...TABLE, store_timeout_ms: 5001 }, "LIMITS.store_timeout_ms"],
    ["a memory below none", { ...TABLE, memory_entries: -1 }, "LIMITS.memory_entries"],
    ["a memory without end", { ...TABLE, memory_entries: 1e9 }, "LIMITS.memory_entries"],
    ["a prefix wider than a subscriber's", { ...TABLE, ipv6_prefix: 40 }, "LIMITS.ipv6_prefix"],
    ["a prefix narrower than the edge's", { ...TABLE, ipv6_prefix: 65 }, "LIMITS.ipv6_prefix"],
    ["a time budget for Upstash too small", { ...TABLE, upstash_timeout_ms: 5 }, "LIMITS.upstash_timeout_ms"],
    ["policies as a list", { ...TABLE, policies: [EXACT] }, "LIMITS.policies"],
    ["policies without a value", { ...TABLE, policies: null }, "LIMITS.policies"],
    ["a name with capitals", { ...TABLE, policies: { Buyer: EXACT } }, "LIMITS.policies.Buyer"],
    ["a name with a quote", { ...TABLE, policies: { 'a"b': EXACT } }, 'LIMITS.policies.a"b'],
    ["an empty name", { ...TABLE, policies: { "": EXACT } }, "LIMITS.policies."],
    [
      "too many policies",
      { ...TABLE, policies: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`p${index}`, EXACT])) },
      "LIMITS.policies",
    ],
  ])("F11 names the key of %s", (_, raw, key) => {
    expect(errorOf(raw).key).toBe(key);
  });

  it.each<[string, unknown, string]>([
    ["a policy that is no table", 7, ""],
    ["an unknown field", { ...EXACT, window: 60 }, ".window"],
    ["a missing limit", without(EXACT, "limit"), ".limit"],
    ["a missing mode", without(EXACT, "mode"), ".mode"],
    ["a limit of nothing", { ...EXACT, limit: 0 }, ".limit"],
    ["a limit that is no number", { ...EXACT, limit: Number.NaN }, ".limit"],
    ["an endless limit", { ...NATIVE, limit: Number.POSITIVE_INFINITY }, ".limit"],
    ["an exact limit above the sliding log", { ...EXACT, limit: EXACT_LIMIT_MAX + 1 }, ".limit"],
    ["no window", { ...EXACT, window_seconds: 0 }, ".window_seconds"],
    ["a window of more than a day", { ...EXACT, window_seconds: 86_401 }, ".window_seconds"],
    ["a window that the binding cannot do", { ...NATIVE, window_seconds: 30 }, ".window_seconds"],
    ["a place that is none", { ...EXACT, at: ["tokens"] }, ".at.0"],
    ["no place", { ...EXACT, at: [] }, ".at"],
    ["a place twice", { ...EXACT, at: ["token", "token"] }, ".at"],
    ["a place that is no list", { ...EXACT, at: "token" }, ".at"],
    ["a key that is none", { ...EXACT, key: ["ip", "buyer"] }, ".key.1"],
    ["no key", { ...EXACT, key: [] }, ".key"],
    ["a key twice", { ...EXACT, key: ["ip", "ip"] }, ".key"],
    ["a user where none is known", { ...EXACT, at: ["read"] }, ".key"],
    ["a user where none is known everywhere", { ...EXACT, at: ["token", "read"] }, ".key"],
    ["a store that is none", { ...EXACT, store: "redis" }, ".store"],
    ["a mode that is none", { ...EXACT, mode: "on" }, ".mode"],
    ["a native policy without a binding", without(NATIVE, "binding"), ".binding"],
    ["a binding that is not there", { ...NATIVE, binding: "SIEVE_NONE" }, ".binding"],
    ["a binding of every object", { ...NATIVE, binding: "toString" }, ".binding"],
    ["a binding that does not limit", { ...NATIVE, binding: "NOT_A_SIEVE" }, ".binding"],
    ["an exact policy with a binding", { ...EXACT, binding: "SIEVE_READ" }, ".binding"],
    ["a failure rule that is none", { ...EXACT, on_failure: "maybe" }, ".on_failure"],
    ["local without a local limit", { ...EXACT, on_failure: "local" }, ".local_limit"],
    ["a local limit above the limit", { ...EXACT, on_failure: "local", local_limit: 11 }, ".local_limit"],
    ["a local limit without local", { ...EXACT, local_limit: 5 }, ".local_limit"],
    ["an algorithm that is none", { ...EXACT, algorithm: "leaky" }, ".algorithm"],
    ["Upstash's algorithm for exact", { ...EXACT, algorithm: "fixed-window" }, ".algorithm"],
    ["an exact algorithm for Upstash", { ...UPSTASH, algorithm: "gcra" }, ".algorithm"],
    ["Upstash without an algorithm", without(UPSTASH, "algorithm"), ".algorithm"],
    ["an algorithm for a sieve", { ...NATIVE, algorithm: "gcra" }, ".algorithm"],
    ["a burst without GCRA", { ...EXACT, burst: 5 }, ".burst"],
    ["a burst above the limit", { ...EXACT, algorithm: "gcra", burst: 11 }, ".burst"],
    ["a bucket that is never refilled", { ...UPSTASH, burst: 10 }, ".burst"],
    ["a bucket that cannot hold its refill", { ...UPSTASH, burst: 4 }, ".burst"],
    ["a bucket of one", { ...UPSTASH, limit: 1 }, ".limit"],
    ["a time budget of its own without Upstash", { ...EXACT, store_timeout_ms: 50 }, ".store_timeout_ms"],
    ["a cost of nothing", { ...EXACT, cost: 0 }, ".cost"],
    ["a cost of a call that is none", { ...EXACT, cost: { tokens: 1 } }, ".cost.tokens"],
    ["a cost that never fits", { ...EXACT, cost: 11 }, ".cost"],
    ["a cost that never comes at once", { ...EXACT, algorithm: "gcra", burst: 5, cost: 6 }, ".cost"],
    ["a cost for a native policy", { ...NATIVE, cost: 2 }, ".cost"],
    ["a cost for a sliding window", { ...UPSTASH, algorithm: "sliding-window", cost: 2 }, ".cost"],
    ["a cost above the local limit", { ...EXACT, cost: 5, on_failure: "local", local_limit: 4 }, ".cost"],
    ["a phase that is none", { ...EXACT, phases: { during: { limit: 1 } } }, ".phases.during"],
    ["a start without its length", { ...EXACT, phases: { start: { limit: 1 } } }, ".phases.start.seconds"],
    ["a phase above the sliding log", { ...EXACT, phases: { after: { limit: 1001 } } }, ".phases.after.limit"],
    ["a phase too small for the cost", { ...EXACT, cost: 3, phases: { after: { limit: 2 } } }, ".phases.after.limit"],
    ["a phase that a token never reaches", { ...EXACT, phases: { before: { limit: 2 } } }, ".phases.before"],
    [
      "a phase that a checkout never reaches",
      { ...EXACT, at: ["token", "checkout"], key: ["ip"], phases: { before: { limit: 2 }, after: { limit: 3 } } },
      ".phases.before",
    ],
    ["a phase of a native policy", { ...NATIVE, phases: { after: { limit: 2 } } }, ".phases"],
    ["a local limit of nothing", { ...EXACT, on_failure: "local", local_limit: 0 }, ".local_limit"],
  ])("F11 names policy and key of %s", (_, policy, field) => {
    expect(errorOf({ ...TABLE, policies: { sieve: NATIVE, wrong: policy } }).key).toBe(`LIMITS.policies.wrong${field}`);
  });

  it("F11 reports every problem at once, without the values", () => {
    const policies = {
      one: { ...EXACT, limit: 0, mode: "secret-looking" },
      two: { ...NATIVE, binding: "SIEVE_NONE", window_seconds: 30 },
    };
    const { key, message } = errorOf({ ...TABLE, policies });
    expect(key).toBe("LIMITS.policies.one.limit");
    for (const named of ["one.limit", "one.mode", "two.binding", "two.window_seconds"]) {
      expect(message).toContain(`LIMITS.policies.${named}: `);
    }
    expect(message).not.toContain("secret-looking");
  });

  it("F11 says in words what is unknown and what is missing", () => {
    expect(errorOf({ ...TABLE, shard: 1 }).message).toBe("LIMITS.shard: Is not a known key");
    expect(errorOf(without(TABLE, "shards")).message).toBe("LIMITS.shards: Is missing");
  });
});
