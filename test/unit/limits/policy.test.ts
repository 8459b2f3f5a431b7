/** The limits' table: what it becomes, and that every mistake in it is named by policy and key (F11). */
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/config-error.ts";
import { EXACT_LIMIT_MAX, parseLimits } from "../../../src/limits/policy.ts";

const SIEVE = { limit: async () => ({ success: true }) };
const ENV = { SIEVE_READ: SIEVE, NOT_A_SIEVE: { fetch: async () => new Response() } };

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
      policies: [
        {
          name: "per-buyer",
          at: ["token"],
          key: ["user"],
          limit: 10,
          windowSeconds: 60,
          store: { kind: "exact" },
          mode: "enforce",
          onFailure: { rule: "closed" },
        },
        {
          name: "sieve",
          at: ["read", "checkout"],
          key: ["ip"],
          limit: 300,
          windowSeconds: 10,
          store: { kind: "native", binding: "SIEVE_READ" },
          mode: "enforce",
          onFailure: { rule: "open" },
        },
        {
          name: "local",
          at: ["token"],
          key: ["ip", "product"],
          limit: 10,
          windowSeconds: 60,
          store: { kind: "exact" },
          mode: "shadow",
          onFailure: { rule: "local", limit: 4 },
        },
      ],
    });
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
    ["a user where none is known", { ...EXACT, at: ["checkout"] }, ".key"],
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
