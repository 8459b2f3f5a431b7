/** An operator's override: what it may say of a policy, and what becomes of the policy. */
import { describe, expect, it } from "vitest";
import { phasesOf, withOverride } from "../../../src/limits/effective-policy.ts";
import { parsePolicyOverride } from "../../../src/limits/override.ts";
import { planOf } from "../../../src/limits/plan.ts";
import type { LimitsConfig, Policy } from "../../../src/limits/policy.ts";

const NOW = 1_795_304_393_649;
const POLICY: Policy = {
  name: "per-client",
  at: ["token"],
  key: ["ip"],
  limit: 10,
  burst: 10,
  windowSeconds: 60,
  cost: { read: 1, token: 1, checkout: 1 },
  store: { kind: "exact", algorithm: "sliding-log" },
  mode: "enforce",
  onFailure: { rule: "closed" },
  phases: {},
};
const GCRA: Policy = { ...POLICY, limit: 5000, burst: 2500, store: { kind: "exact", algorithm: "gcra" } };

function messages(raw: unknown, policy = POLICY): unknown {
  const parsed = parsePolicyOverride(raw, policy);
  return parsed.ok ? parsed.value : parsed.refusal.errors.map(({ path, message }) => `${path}: ${message}`);
}

describe("parsePolicyOverride()", () => {
  it("takes a limit, a mode, or both", () => {
    for (const raw of [{ limit: 1 }, { mode: "off" }, { limit: 1000, mode: "shadow" }]) {
      expect(messages({ ...raw, expiresAt: NOW })).toEqual({ ...raw, expiresAt: NOW });
    }
    expect(messages({ limit: 1_000_000, expiresAt: NOW }, GCRA)).toMatchObject({ limit: 1_000_000 });
  });

  it.each<[string, unknown, Policy, string]>([
    ["nothing to override", { expiresAt: NOW }, POLICY, ": Must have a limit or a mode"],
    ["no expiry", { limit: 5 }, POLICY, "expiresAt: Is missing"],
    [
      "an expiry that is no time",
      { limit: 5, expiresAt: "soon" },
      POLICY,
      "expiresAt: Must be milliseconds since the epoch",
    ],
    ["an unknown key", { limit: 5, expiresAt: NOW, window: 5 }, POLICY, "window: Is not a known key"],
    ["a mode that is none", { mode: "on", expiresAt: NOW }, POLICY, 'mode: Must be "enforce", "shadow" or "off"'],
    ["no limit at all", { limit: 0, expiresAt: NOW }, POLICY, "limit: Must be at least 1"],
    ["half a unit", { limit: 1.5, expiresAt: NOW }, POLICY, "limit: Must be a whole number"],
    [
      "more than a sliding log holds",
      { limit: 1001, expiresAt: NOW },
      POLICY,
      "limit: Must be at most 1000 for this policy's algorithm",
    ],
    [
      "a limit for the platform's binding",
      { limit: 5, expiresAt: NOW },
      { ...POLICY, store: { kind: "native", binding: "S" } },
      "limit: Must be absent: the limit of a [[ratelimits]] binding is fixed",
    ],
    [
      "a limit below one request's cost",
      { limit: 2, expiresAt: NOW },
      { ...POLICY, cost: { read: 1, token: 3, checkout: 1 } },
      "limit: Must allow the cost of one request, 3, at once",
    ],
  ])("names the key of %s", (_, raw, policy, message) => {
    expect(messages(raw, policy)).toEqual([message]);
  });
});

describe("withOverride()", () => {
  it("changes the limit and, in proportion, what may come at once", () => {
    expect(withOverride(GCRA, { limit: 100, expiresAt: NOW })).toMatchObject({
      limit: 100,
      burst: 50,
      mode: "enforce",
    });
  });

  it("is for every phase", () => {
    const phased = { ...POLICY, phases: { after: { limit: 100 } } };
    expect(phasesOf(withOverride(phased, { limit: 2, expiresAt: NOW }))(NOW - 1, NOW).limit).toBe(2);
    expect(phasesOf(withOverride(phased, { mode: "shadow", expiresAt: NOW }))(NOW - 1, NOW)).toMatchObject({
      limit: 100,
      mode: "shadow",
    });
  });
});

describe("phasesOf()", () => {
  const phased = { ...POLICY, phases: { before: { limit: 1 }, start: { limit: 2, seconds: 30 }, after: { limit: 3 } } };
  const OPENS = NOW;

  it.each([
    [OPENS - 1, 1],
    [OPENS, 2],
    [OPENS + 29_999, 2],
    [OPENS + 30_000, 3],
  ])("gives at %i the limit %i", (now, limit) => {
    expect(phasesOf(phased)(OPENS, now).limit).toBe(limit);
  });

  it("is the policy itself where no round is known, or the part is not there", () => {
    expect(phasesOf(phased)(undefined, NOW)).toBe(phased);
    expect(phasesOf(POLICY)(OPENS, NOW)).toBe(POLICY);
    const onlyStart = { ...POLICY, phases: { start: { limit: 2, seconds: 30 } } };
    expect([-1, 0, 30_000].map((ms) => phasesOf(onlyStart)(OPENS, OPENS + ms).limit)).toEqual([10, 2, 10]);
  });
});

describe("planOf()", () => {
  const config: LimitsConfig = {
    verbosity: "full",
    shards: 1,
    storeTimeoutMs: 1000,
    memoryEntries: 10,
    ipv6Prefix: 64,
    upstash: null,
    policies: [POLICY, { ...POLICY, name: "idle", mode: "off" }],
  };
  const place = { at: "token", part: "counts" } as const;
  const limits = (overrides: ReadonlyMap<string, { limit?: number; mode?: "off" | "enforce"; expiresAt: number }>) =>
    planOf(config, place, overrides, NOW)
      .all.policiesAt(undefined, NOW)
      .map(({ name, limit }) => `${name} ${limit}`);

  it("applies what has not expired, switches off and on, and says when it has to be made anew", () => {
    expect(limits(new Map())).toEqual(["per-client 10"]);
    expect(limits(new Map([["per-client", { limit: 3, expiresAt: NOW + 1 }]]))).toEqual(["per-client 3"]);
    expect(limits(new Map([["per-client", { limit: 3, expiresAt: NOW }]]))).toEqual(["per-client 10"]);
    expect(limits(new Map([["per-client", { mode: "off", expiresAt: NOW + 1 }]]))).toEqual([]);
    expect(limits(new Map([["idle", { mode: "enforce", expiresAt: NOW + 1 }]]))).toEqual(["per-client 10", "idle 10"]);
    const overrides = new Map([
      ["a", { limit: 1, expiresAt: NOW + 5 }],
      ["b", { limit: 1, expiresAt: NOW + 3 }],
      ["c", { limit: 1, expiresAt: NOW - 3 }],
    ]);
    expect(planOf(config, place, overrides, NOW).validUntil).toBe(NOW + 3);
    expect(planOf(config, place, new Map(), NOW).validUntil).toBe(Number.POSITIVE_INFINITY);
  });
});
