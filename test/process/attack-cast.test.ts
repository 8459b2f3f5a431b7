/** Who takes part in an attack, and what its gateway is told: pure. */
import { describe, expect, it } from "vitest";
import { castCrowd } from "../../scripts/attack/cast.ts";
import { isAttackers } from "../../scripts/attack/names.ts";
import { rulesOf, varsOf } from "../../scripts/attack/defences.ts";
import { readWranglerConfig } from "../../scripts/gateway/check-wrangler.ts";
import { parseChallenge } from "../../src/challenge/challenge-config.ts";
import { parseHoarding } from "../../src/checkout/hoarding-config.ts";
import { longestRun } from "../../src/risk/decide-risk.ts";

describe("castCrowd", () => {
  const shape = { honest: 50, accounts: 20, addresses: 20, honestShareAddress: false };

  it("repeats the same crowd for the same seed, and another for another", () => {
    expect(castCrowd(shape, 7)).toEqual(castCrowd(shape, 7));
    expect(castCrowd(shape, 7)).not.toEqual(castCrowd(shape, 8));
  });

  it("gives everybody an address of its own, unless they share one", () => {
    const { honest, accounts } = castCrowd(shape, 7);
    expect(new Set([...honest, ...accounts].map(({ address }) => address)).size).toBe(70);
    expect(
      new Set(castCrowd({ ...shape, honestShareAddress: true }, 7).honest.map(({ address }) => address)).size,
    ).toBe(1);
    expect(new Set(castCrowd({ ...shape, addresses: 1 }, 7).accounts.map(({ address }) => address)).size).toBe(1);
    const neighbours = castCrowd({ ...shape, honestShareAddress: true, attackersAmongThem: true }, 7);
    expect(new Set([...neighbours.honest, ...neighbours.accounts].map(({ address }) => address)).size).toBe(1);
  });

  it("gives people ids that do not count up, and attackers such only where they disguise themselves", () => {
    const { honest, accounts } = castCrowd(shape, 7);
    expect(longestRun([...honest].map(({ id }) => id))).toBeLessThan(3);
    expect(longestRun([...accounts].map(({ id }) => id))).toBe(20);
    const disguised = castCrowd({ ...shape, disguised: true }, 7).accounts;
    expect(longestRun(disguised.map(({ id }) => id))).toBeLessThan(3);
    expect(disguised.every(({ id }) => isAttackers(id))).toBe(true);
    expect(honest.some(({ id }) => isAttackers(id))).toBe(false);
  });

  it("lets nobody click sooner than people can", () => {
    for (const { clicksAfterMs } of castCrowd({ ...shape, honest: 1000 }, 7).honest) {
      expect(clicksAfterMs).toBeGreaterThanOrEqual(300);
    }
  });
});

describe("varsOf", () => {
  const wrangler = {
    LIMITS: { shards: 4, policies: { one: { mode: "enforce", limit: 3 }, two: { mode: "shadow" } } },
    CHALLENGE: {
      lifetime_seconds: 60,
      pow: { iterations: 1000, trials_least: 300, trials_most: 3000, harder_factor: 4 },
    },
    HOARDING: { open_holds_per_buyer: 0, unpaid_hold_seconds_per_buyer: 7200, lapses: 10, cooldown_seconds: 600 },
    RISK: { mode: "shadow", delay_ms: 800 },
  };

  it("leaves wrangler.toml's limits with the defences on, demands proofs, and enforces risk and budgets", () => {
    expect(varsOf("on", wrangler)).toEqual({
      CHALLENGE: {
        lifetime_seconds: 60,
        pow: { iterations: 100, trials_least: 10, trials_most: 100, harder_factor: 4 },
      },
      HOARDING: {
        open_holds_per_buyer: 1,
        unpaid_hold_seconds_per_buyer: 10,
        unpaid_hold_seconds_per_client: 7200,
        lapses: 10,
        cooldown_seconds: 600,
      },
      RISK: { mode: "enforce", delay_ms: 800 },
    });
    expect(rulesOf("on", 30)).toMatchObject({ perBuyerLimit: 1, challenges: ["pow"] });
  });

  it("switches everything off, and leaves the rest of the tables", () => {
    expect(varsOf("off", wrangler)).toEqual({
      LIMITS: { shards: 4, policies: { one: { mode: "off", limit: 3 }, two: { mode: "off" } } },
      HOARDING: {
        open_holds_per_buyer: 0,
        unpaid_hold_seconds_per_buyer: 0,
        unpaid_hold_seconds_per_client: 0,
        lapses: 0,
        cooldown_seconds: 0,
      },
      RISK: { mode: "off", delay_ms: 800 },
    });
    expect(rulesOf("off", 30)).toMatchObject({ perBuyerLimit: 30, challenges: [] });
  });

  it.each(["on", "off"] as const)("gives the gateway tables that it takes, defences %s", (defences) => {
    const { vars } = readWranglerConfig();
    const env = { ...vars, ...varsOf(defences, vars) };
    expect(parseChallenge({ CHALLENGE: env["CHALLENGE"] }).pow.trialsLeast).toBeGreaterThanOrEqual(10);
    expect(parseHoarding(env).openHoldsPerBuyer).toBe(defences === "on" ? 1 : 0);
    expect(env["RISK"]).toMatchObject({ mode: defences === "on" ? "enforce" : "off" });
  });
});
