import { describe, expect, it } from "vitest";
import { AccountMemory, type AccountSource, COUNT_KEPT_MS } from "../../../src/risk/account-memory.ts";
import { type CountAccounts, observeAccounts } from "../../../src/risk/observe-accounts.ts";
import type { RiskConfig } from "../../../src/risk/risk-config.ts";

const ADDRESS: AccountSource = { kind: "address", value: "198.18.0.1" };
const NOW = 1_800_000_000_000;

describe("AccountMemory", () => {
  it("knows a buyer's count for some seconds, at the source where it was counted", () => {
    const memory = new AccountMemory(600_000);
    memory.remember(ADDRESS, "ann", { accounts: 7, fullForMs: 0 }, NOW);
    expect(memory.recall(ADDRESS, "ann", NOW)).toBe(7);
    expect(memory.recall(ADDRESS, "ann", NOW + COUNT_KEPT_MS - 1)).toBe(7);
    expect(memory.recall(ADDRESS, "ann", NOW + COUNT_KEPT_MS)).toBeUndefined();
    memory.remember(ADDRESS, "ann", { accounts: 7, fullForMs: 0 }, NOW);
    expect(memory.recall(ADDRESS, "bob", NOW)).toBeUndefined();
    expect(memory.recall({ ...ADDRESS, value: "198.18.0.2" }, "ann", NOW)).toBeUndefined();
    expect(memory.recall({ ...ADDRESS, kind: "fingerprint" }, "ann", NOW)).toBeUndefined();
  });

  it("never outlives the window", () => {
    const memory = new AccountMemory(1000);
    memory.remember(ADDRESS, "ann", { accounts: 7, fullForMs: 0 }, NOW);
    expect(memory.recall(ADDRESS, "ann", NOW + 999)).toBe(7);
    expect(memory.recall(ADDRESS, "ann", NOW + 1000)).toBeUndefined();
  });

  it("knows every buyer's count of a source that is full, until something ends there", () => {
    const memory = new AccountMemory(600_000);
    memory.remember(ADDRESS, "ann", { accounts: 1000, fullForMs: 90_000 }, NOW);
    expect(memory.recall(ADDRESS, "bob", NOW + 89_999)).toBe(1000);
    expect(memory.recall({ ...ADDRESS, value: "198.18.0.2" }, "bob", NOW)).toBeUndefined();
    expect(memory.recall(ADDRESS, "bob", NOW + 90_000)).toBeUndefined();
  });

  it("cannot be made to take one key for another", () => {
    const memory = new AccountMemory(600_000);
    memory.remember({ kind: "fingerprint", value: 'a","b' }, "c", { accounts: 7, fullForMs: 0 }, NOW);
    expect(memory.recall({ kind: "fingerprint", value: "a" }, 'b","c', NOW)).toBeUndefined();
  });

  it("T15 stays bounded", () => {
    const memory = new AccountMemory(600_000);
    for (let buyer = 0; buyer < 30_000; buyer++) {
      memory.remember(ADDRESS, String(buyer), { accounts: 1, fullForMs: 0 }, NOW);
      memory.remember({ ...ADDRESS, value: String(buyer) }, "ann", { accounts: 1000, fullForMs: 1000 }, NOW);
    }
    expect(memory.size).toBe(11_000);
    expect(memory.recall(ADDRESS, "29999", NOW)).toBe(1);
    expect(memory.recall(ADDRESS, "0", NOW)).toBeUndefined();
  });
});

/** A store that answers as told, and says what it was asked. */
function store(answer: Awaited<ReturnType<CountAccounts>>) {
  const asked: string[] = [];
  const objects: string[] = [];
  const count: CountAccounts = async (_env, objectName, { kind, value }, buyerId) => {
    asked.push(`${kind} ${value} ${buyerId}`);
    objects.push(objectName);
    return answer;
  };
  return { asked, objects, count };
}

function riskOf(weights: { readonly address: number; readonly fingerprint: number }): RiskConfig {
  return {
    windowMs: 600_000,
    signals: {
      "accounts-per-address": { weight: weights.address, threshold: 20 },
      "accounts-per-fingerprint": { weight: weights.fingerprint, threshold: 500 },
    },
  } as unknown as RiskConfig;
}

const QUESTION = {
  address: "198.18.0.1",
  objectOfAddress: async () => "the address's object",
  countedAlong: undefined,
  fingerprint: "t13d1516h2",
  buyerId: "ann",
  now: NOW,
};
const NO_ENV = {} as Env;

describe("observeAccounts()", () => {
  it("asks for address and fingerprint once, and not again for the same buyer within seconds", async () => {
    const { asked, count } = store({ accounts: 7, fullForMs: 0 });
    const risk = riskOf({ address: 1, fingerprint: 1 });
    const seven = { accountsAtAddress: 7, accountsAtFingerprint: 7 };
    for (const ms of [0, 1, COUNT_KEPT_MS - 1]) {
      expect(await observeAccounts(count, NO_ENV, risk, { ...QUESTION, now: NOW + ms })).toEqual(seven);
    }
    expect(asked.toSorted()).toEqual(["address 198.18.0.1 ann", "fingerprint t13d1516h2 ann"]);
    await observeAccounts(count, NO_ENV, risk, { ...QUESTION, now: NOW + COUNT_KEPT_MS });
    expect(asked).toHaveLength(4);
    await observeAccounts(count, NO_ENV, risk, { ...QUESTION, address: "198.18.0.2", now: NOW + COUNT_KEPT_MS });
    expect(asked.slice(4)).toEqual(["address 198.18.0.2 ann"]);
  });

  it("asks the object in which everything of the address is counted, and fingerprints' own", async () => {
    const { objects, count } = store({ accounts: 7, fullForMs: 0 });
    await observeAccounts(count, NO_ENV, riskOf({ address: 1, fingerprint: 1 }), QUESTION);
    expect(objects.toSorted()).toEqual([expect.stringMatching(/^accounts-fingerprint-\d+$/), "the address's object"]);
  });

  it.each([
    ["said it", { accounts: 9, fullForMs: 0 }, 9],
    ["failed", null, null],
  ])("asks nobody for the address where the limits' call %s already", async (_, countedAlong, accountsAtAddress) => {
    const { asked, count } = store({ accounts: 7, fullForMs: 0 });
    const risk = riskOf({ address: 1, fingerprint: 0 });
    expect(await observeAccounts(count, NO_ENV, risk, { ...QUESTION, countedAlong })).toEqual({
      accountsAtAddress,
      accountsAtFingerprint: null,
    });
    expect(asked).toEqual([]);
  });

  it("asks both at the same time", async () => {
    const gate = Promise.withResolvers<void>();
    let waiting = 0;
    const count: CountAccounts = async () => {
      waiting += 1;
      if (waiting === 2) gate.resolve();
      await gate.promise;
      return { accounts: waiting, fullForMs: 0 };
    };
    expect(await observeAccounts(count, NO_ENV, riskOf({ address: 1, fingerprint: 1 }), QUESTION)).toEqual({
      accountsAtAddress: 2,
      accountsAtFingerprint: 2,
    });
  });

  it.each([
    ["no fingerprint is known", { address: 1, fingerprint: 1 }, { fingerprint: undefined }, ["address 198.18.0.1 ann"]],
    ["the fingerprint has no weight", { address: 1, fingerprint: 0 }, {}, ["address 198.18.0.1 ann"]],
    ["the address has no weight", { address: 0, fingerprint: 1 }, {}, ["fingerprint t13d1516h2 ann"]],
    ["neither has", { address: 0, fingerprint: 0 }, {}, []],
  ])("asks for no more than counts where %s", async (_, weights, change, calls) => {
    const { asked, count } = store({ accounts: 7, fullForMs: 0 });
    const { accountsAtAddress, accountsAtFingerprint } = await observeAccounts(count, NO_ENV, riskOf(weights), {
      ...QUESTION,
      ...change,
    });
    expect(asked).toEqual(calls);
    expect([accountsAtAddress, accountsAtFingerprint].filter((known) => known !== null)).toHaveLength(calls.length);
  });

  it("F9 knows nothing where the store does not, and asks it again next time", async () => {
    const { asked, count } = store(null);
    const risk = riskOf({ address: 1, fingerprint: 0 });
    for (const ms of [0, 1]) {
      expect(await observeAccounts(count, NO_ENV, risk, { ...QUESTION, now: NOW + ms })).toMatchObject({
        accountsAtAddress: null,
      });
    }
    expect(asked).toHaveLength(2);
  });

  it("asks nobody for a source that is full", async () => {
    const { asked, count } = store({ accounts: 1000, fullForMs: 60_000 });
    const risk = riskOf({ address: 0, fingerprint: 1 });
    for (const buyerId of ["ann", "bob", "cem"]) {
      expect((await observeAccounts(count, NO_ENV, risk, { ...QUESTION, buyerId })).accountsAtFingerprint).toBe(1000);
    }
    expect(asked).toEqual(["fingerprint t13d1516h2 ann"]);
  });
});
