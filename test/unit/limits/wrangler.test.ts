/** The limits that Sluice ships: they parse, and say of the sieves what the sieves do. */
import { describe, expect, it } from "vitest";
import { unstable_readConfig } from "wrangler";
import { parseLimits } from "../../../src/limits/policy.ts";

interface Sieve {
  readonly name: string;
  readonly simple: { readonly limit: number; readonly period: number };
}

const config = unstable_readConfig({ config: "wrangler.toml" }, { hideWarnings: true });
const sieves = new Map(config.ratelimits.map(({ name, simple }: Sieve) => [name, simple]));
const env = Object.fromEntries(Array.from(sieves.keys(), (name) => [name, { limit: () => ({ success: true }) }]));
const limits = parseLimits(config.vars["LIMITS"], env);

describe("wrangler.toml", () => {
  it("has limits for reading, tokens and checkout", () => {
    expect(new Set(limits.policies.flatMap(({ at }) => at))).toEqual(new Set(["read", "token", "checkout"]));
  });

  it("F11 says the same of every native policy and its sieve", () => {
    const native = limits.policies.filter(({ store }) => store.kind === "native");
    expect(native.length).toBeGreaterThan(0);
    for (const { store, limit, windowSeconds } of native) {
      expect(store.kind === "native" ? sieves.get(store.binding) : undefined).toEqual({ limit, period: windowSeconds });
    }
  });
});
