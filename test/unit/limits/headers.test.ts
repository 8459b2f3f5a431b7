/** The RateLimit fields, as draft-ietf-httpapi-ratelimit-headers-10 spells them. */
import { describe, expect, it } from "vitest";
import { joinField, rateLimitField, rateLimitPolicyField, secondsOf } from "../../../src/limits/headers.ts";

const ONE = { read: 1, token: 1, checkout: 1 };

describe("rateLimitPolicyField()", () => {
  it("tells in calls of this kind what a limit in units is good for", () => {
    const policy = { name: "weighted", limit: 10, windowSeconds: 60, cost: { ...ONE, token: 3 } };
    expect(rateLimitPolicyField([policy], "token")).toBe('"weighted";q=3;w=60');
    expect(rateLimitPolicyField([policy], "checkout")).toBe('"weighted";q=10;w=60');
  });

  it("lists name, quota and window of every policy", () => {
    expect(
      rateLimitPolicyField(
        [
          { name: "token-per-buyer", limit: 10, windowSeconds: 60, cost: ONE },
          { name: "sieve", limit: 300, windowSeconds: 10, cost: ONE },
        ],
        "token",
      ),
    ).toBe('"token-per-buyer";q=10;w=60, "sieve";q=300;w=10');
  });
});

describe("rateLimitField()", () => {
  it("lists what remains and when more comes back", () => {
    expect(
      rateLimitField([
        { name: "token-per-buyer", remaining: 9, resetMs: 60_000 },
        { name: "token-per-client", remaining: 0, resetMs: 1 },
      ]),
    ).toBe('"token-per-buyer";r=9;t=60, "token-per-client";r=0;t=1');
  });

  it("leaves the time out where only a bound of it is known", () => {
    expect(rateLimitField([{ name: "sieve", remaining: 0, resetMs: null }])).toBe('"sieve";r=0');
  });

  it("is empty for nothing known", () => {
    expect(rateLimitField([])).toBe("");
  });
});

describe("secondsOf()", () => {
  it.each([
    [0, 0],
    [1, 1],
    [1000, 1],
    [1001, 2],
    [-5, 0],
  ])("of %i ms is %i, never too early", (ms, seconds) => {
    expect(secondsOf(ms)).toBe(seconds);
  });
});

describe("joinField()", () => {
  it("puts the outer stage's items first", () => {
    expect(joinField('"a";r=1', '"b";r=2')).toBe('"a";r=1, "b";r=2');
    expect(joinField('"a";r=1', null)).toBe('"a";r=1');
  });
});
