import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/config-error.ts";
import { readAccount } from "../../../src/risk/claims.ts";
import { ClientMemory } from "../../../src/risk/client-memory.ts";
import { decideRisk, isEligible, longestRun, type Observation, type RiskRules } from "../../../src/risk/decide-risk.ts";
import { parseRisk } from "../../../src/risk/risk-config.ts";

const PERSON: Observation = {
  accountsAtAddress: 1,
  accountsAtFingerprint: 400,
  accountAgeDays: 400,
  level: 5,
  verified: ["phone"],
  recentIds: ["ann"],
  headers: new Set(["accept-language", "accept-encoding", "sec-fetch-site", "sec-fetch-mode"]),
  userAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0",
  botScore: 90,
  refusals: 0,
  fastestCheckoutMs: 40,
  suspects: [],
  isAllowed: false,
};

const RULES: RiskRules = {
  signals: {
    "accounts-per-address": { weight: 30, threshold: 20 },
    "accounts-per-fingerprint": { weight: 12, threshold: 500 },
    "young-account": { weight: 20, threshold: 7 },
    "low-level": { weight: 10, threshold: 1 },
    unverified: { weight: 15, threshold: 1 },
    "patterned-ids": { weight: 40, threshold: 4 },
    "inconsistent-headers": { weight: 25, threshold: 2 },
    "bot-score": { weight: 50, threshold: 30 },
    "earlier-refusals": { weight: 5, threshold: 10 },
    "fast-checkout": { weight: 8, threshold: 5 },
    "list-hit": { weight: 60, threshold: 1 },
  },
  steps: { challenge: 20, harder: 50, delay: 80, deny: 120 },
};

const SIGNS: readonly (readonly [string, Partial<Observation>, number])[] = [
  ["accounts-per-address", { accountsAtAddress: 21 }, 30],
  ["accounts-per-fingerprint", { accountsAtFingerprint: 501 }, 12],
  ["young-account", { accountAgeDays: 6.9 }, 20],
  ["low-level", { level: 0 }, 10],
  ["unverified", { verified: [] }, 15],
  ["patterned-ids", { recentIds: ["u7", "u8", "u9", "u10"] }, 40],
  ["inconsistent-headers", { headers: new Set(["accept-language", "accept-encoding"]) }, 25],
  ["bot-score", { botScore: 29 }, 50],
  ["earlier-refusals", { refusals: 11 }, 5],
  ["fast-checkout", { fastestCheckoutMs: 4 }, 8],
  ["list-hit", { suspects: ["asn"] }, 60],
];

describe("T7 decideRisk", () => {
  it("lets a person through", () => {
    expect(decideRisk(PERSON, RULES)).toEqual({ action: "allow", score: 0, hits: [] });
  });

  it.each(SIGNS)("%s fires alone, with its weight", (signal, change, weight) => {
    expect(decideRisk({ ...PERSON, ...change }, RULES)).toMatchObject({ score: weight, hits: [signal] });
  });

  it.each([
    ["accountsAtAddress", { accountsAtAddress: 20 }],
    ["accountsAtFingerprint", { accountsAtFingerprint: 500 }],
    ["fastestCheckoutMs", { fastestCheckoutMs: 5 }],
    ["accountAgeDays", { accountAgeDays: 7 }],
    ["level", { level: 1 }],
    ["botScore", { botScore: 30 }],
    ["refusals", { refusals: 10 }],
    ["recentIds", { recentIds: ["u7", "u8", "u9"] }],
  ])("does not fire at the threshold itself: %s", (_, change) => {
    expect(decideRisk({ ...PERSON, ...change }, RULES).hits).toEqual([]);
  });

  it("suspects nobody for what is not known", () => {
    const unknown = { accountAgeDays: null, level: null, verified: null, botScore: null, fastestCheckoutMs: null };
    const uncounted = { accountsAtAddress: null, accountsAtFingerprint: null };
    expect(decideRisk({ ...PERSON, ...unknown, ...uncounted }, RULES).hits).toEqual([]);
  });

  it.each([
    [{ refusals: 11 }, 5, "allow"],
    [{ accountAgeDays: 0 }, 20, "challenge"],
    [{ botScore: 1 }, 50, "harder"],
    [{ botScore: 1, accountsAtAddress: 50 }, 80, "delay"],
    [{ botScore: 1, accountsAtAddress: 50, recentIds: ["a1", "a2", "a3", "a4"] }, 120, "deny"],
  ] as const)("sums the weights: %j is %i: %s", (change, score, action) => {
    expect(decideRisk({ ...PERSON, ...change }, RULES)).toMatchObject({ score, action });
  });

  it("list-hit asks for as many lists as its threshold says", () => {
    const rules = { ...RULES, signals: { ...RULES.signals, "list-hit": { weight: 60, threshold: 2 } } };
    expect(decideRisk({ ...PERSON, suspects: ["asn"] }, rules).hits).toEqual([]);
    expect(decideRisk({ ...PERSON, suspects: ["asn", "country"] }, rules).hits).toEqual(["list-hit"]);
  });

  it("never takes a step that is not set", () => {
    const rules = { ...RULES, steps: { challenge: 20, harder: null, delay: null, deny: null } };
    expect(decideRisk({ ...PERSON, botScore: 1, accountsAtAddress: 50, refusals: 50 }, rules).action).toBe("challenge");
  });

  it("lets whom the operator allows through, and says what it saw", () => {
    expect(decideRisk({ ...PERSON, botScore: 1, isAllowed: true }, RULES)).toEqual({
      action: "allow",
      score: 50,
      hits: ["bot-score"],
    });
  });
});

describe("longestRun", () => {
  it.each([
    [[], 0],
    [["ann", "bob"], 0],
    [["user1"], 1],
    [["user3", "user1", "user2"], 3],
    [["user1", "user1", "user1"], 1],
    [["a1@x", "a2@x", "a2@y", "a3@x"], 3],
    [["u09", "u10", "u11", "u20"], 3],
  ])("of %j is %i", (ids, run) => {
    expect(longestRun(ids)).toBe(run);
  });
});

describe("isEligible", () => {
  const rules = { minAccountAgeDays: 30, minLevel: 2, verified: ["phone"] };

  it.each([
    [{ accountAgeDays: 30, level: 2, verified: ["phone", "mail"] }, true],
    [{ accountAgeDays: 29, level: 2, verified: ["phone"] }, false],
    [{ accountAgeDays: 30, level: 1, verified: ["phone"] }, false],
    [{ accountAgeDays: 30, level: 2, verified: ["mail"] }, false],
    [{ accountAgeDays: null, level: null, verified: null }, false],
  ])("%j: %s", (account, eligible) => {
    expect(isEligible(account, rules)).toBe(eligible);
  });

  it("asks nothing where no rule is set", () => {
    const none = { minAccountAgeDays: 0, minLevel: 0, verified: [] };
    expect(isEligible({ accountAgeDays: null, level: null, verified: null }, none)).toBe(true);
  });
});

describe("readAccount", () => {
  const names = { createdAt: "created", level: "level", verified: "verified" };
  const now = 1_800_000_000_000;

  it("reads age in days, level and flags", () => {
    const claims = { created: 1_800_000_000 - 86_400 * 3, level: 4, verified: ["phone", 7] };
    expect(readAccount(claims, names, now)).toEqual({ accountAgeDays: 3, level: 4, verified: ["phone"] });
  });

  it.each([{}, { created: "yesterday", level: "high", verified: "phone" }, { created: Number.NaN, level: Number.NaN }])(
    "knows nothing of %j",
    (claims) => {
      expect(readAccount(claims, names, now)).toEqual({ accountAgeDays: null, level: null, verified: null });
    },
  );
});

describe("ClientMemory", () => {
  it("remembers each buyer once, and forgets a client with its window", () => {
    const memory = new ClientMemory(1000);
    memory.meet("c", "a", 0);
    memory.meet("c", "a", 1);
    memory.refused("c", 2);
    expect(memory.meet("c", "b", 3)).toMatchObject({ ids: ["a", "b"], refusals: 1 });
    expect(memory.meet("c", "d", 1000)).toMatchObject({ ids: ["d"], refusals: 0 });
  });

  it("remembers the soonest checkout of a client, and forgets it with its window", () => {
    const memory = new ClientMemory(1000);
    expect(memory.meet("c", "a", 0).fastestCheckoutMs).toBeNull();
    for (const ms of [30, 3, 80]) memory.checkedOut("c", ms, 1);
    expect(memory.meet("c", "a", 2).fastestCheckoutMs).toBe(3);
    expect(memory.meet("other", "a", 2).fastestCheckoutMs).toBeNull();
    expect(memory.meet("c", "a", 1000).fastestCheckoutMs).toBeNull();
  });

  it("T15 stays bounded", () => {
    const memory = new ClientMemory(1000);
    for (let client = 0; client < 30_000; client++) memory.meet(String(client), "a", 0);
    expect(memory.size).toBe(10_000);
    for (let buyer = 0; buyer < 1000; buyer++) memory.meet("one", String(buyer), 0);
    expect(memory.meet("one", "last", 0).ids).toHaveLength(16);
  });
});

describe("F11 parseRisk", () => {
  const valid = {
    mode: "shadow",
    window_seconds: 600,
    delay_ms: 500,
    steps: { challenge: 20, deny: 100 },
    signals: { "bot-score": { weight: 50, threshold: 30 } },
    eligibility: { min_account_age_days: 0, min_level: 0, verified: [] },
    claims: { created_at: "created", level: "level", verified: "verified" },
  };

  it("takes what is not named as silent", () => {
    const risk = parseRisk({ RISK: valid });
    for (const silent of ["young-account", "list-hit"] as const) {
      expect(risk.signals[silent]).toEqual({ weight: 0, threshold: 0 });
    }
    expect(risk.steps).toEqual({ challenge: 20, harder: null, delay: null, deny: 100 });
  });

  it.each([
    [{ mode: "on" }, "RISK.mode"],
    [{ signals: { "bot-scor": { weight: 1, threshold: 1 } } }, "RISK.signals.bot-scor"],
    [{ signals: { "bot-score": { weight: -1, threshold: 1 } } }, "RISK.signals.bot-score.weight"],
    [
      { signals: { "accounts-per-address": { weight: 1, threshold: 1000 } } },
      "RISK.signals.accounts-per-address.threshold",
    ],
    [
      { signals: { "accounts-per-fingerprint": { weight: 1, threshold: 1000 } } },
      "RISK.signals.accounts-per-fingerprint.threshold",
    ],
    [{ signals: { "fast-checkout": { weight: 1, threshold: 1001 } } }, "RISK.signals.fast-checkout.threshold"],
    [{ signals: { "list-hit": { weight: 1, threshold: 0 } } }, "RISK.signals.list-hit.threshold"],
    [{ signals: { "list-hit": { weight: 1, threshold: 5 } } }, "RISK.signals.list-hit.threshold"],
    [{ steps: { challenge: 50, deny: 20 } }, "RISK.steps"],
    [{ steps: { ban: 20 } }, "RISK.steps.ban"],
    [{ window_seconds: 0 }, "RISK.window_seconds"],
    [
      { eligibility: { min_account_age_days: -1, min_level: 0, verified: [] } },
      "RISK.eligibility.min_account_age_days",
    ],
  ])("refuses %j and names %s", (change, key) => {
    expect(() => parseRisk({ RISK: { ...valid, ...change } })).toThrow(ConfigError);
    expect(() => parseRisk({ RISK: { ...valid, ...change } })).toThrow(key);
  });
});
