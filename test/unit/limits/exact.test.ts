/** Which limiter object counts what, and what the exact store makes of its answers (F8, F9). */
import { describe, expect, it } from "vitest";
import type { TakeCheck } from "../../../durable-objects/limiter/protocol.ts";
import { exactStore, objectNameOf } from "../../../src/limits/exact.ts";
import type { Policy } from "../../../src/limits/policy.ts";
import { pack } from "../../../src/packed.ts";
import type { Rider } from "../../../src/limits/rider.ts";
import type { Check } from "../../../src/limits/store.ts";

const POLICY: Policy = {
  name: "per-client",
  at: ["token"],
  key: ["ip"],
  limit: 5,
  burst: 5,
  windowSeconds: 60,
  cost: { read: 1, token: 1, checkout: 1 },
  store: { kind: "exact", algorithm: "sliding-log" },
  mode: "enforce",
  onFailure: { rule: "closed" },
  phases: {},
};
const CHECK: Check = { policy: POLICY, key: "i1:a", owner: { kind: "ip", part: "i1:a" }, cost: 1 };
const BUDGET_MS = 30;
const ANSWER = { allowed: true, remaining: 1, waitMs: 0, takenAt: 1 };

/** What an object answers; other versions of it may answer anything. */
type Take = (checks: readonly TakeCheck[]) => Promise<unknown>;

/** A store over objects that all answer so; `names` has the object of every call. */
function storeOf(take: Take, shards = 32) {
  const names: string[] = [];
  const namespace = {
    getByName: (name: string) => {
      names.push(name);
      return { take: (checks: readonly TakeCheck[]) => take(checks).then(pack), giveBack: async () => undefined };
    },
  };
  return { store: exactStore(namespace, { shards, budgetMs: BUDGET_MS }), names };
}

const fits: Take = async (checks) => ({
  taken: true,
  answers: checks.map(() => ({ allowed: true, remaining: 4, waitMs: 60_000, takenAt: 1000 })),
});

/** One more count for the address of `CHECK`. */
function riderOf(tell: Rider["tell"]): Rider {
  const { windowSeconds, limit } = POLICY;
  const count: TakeCheck = {
    policy: "risk.accounts",
    algorithm: "sliding-log",
    key: "a",
    limit,
    burst: limit,
    windowMs: windowSeconds * 1000,
    cost: 1,
    shadow: true,
  };
  return { owner: CHECK.owner, checks: [count], tell };
}

const refuse: Take = async (checks) => ({
  taken: false,
  answers: checks.map(() => ({ allowed: false, remaining: 0, waitMs: 7, takenAt: null })),
});

function platformError(flags: Record<string, boolean>): Error {
  return Object.assign(new Error("The object is somewhere else"), flags);
}

describe("objectNameOf()", () => {
  it("is stable: it says where counts are", () => {
    expect(objectNameOf({ kind: "ip", part: "i9:192.0.2.1" }, 32)).toBe("limiter-ip-14");
    expect(objectNameOf({ kind: "user", part: "u5:alice" }, 32)).toBe("limiter-user-12");
  });

  it("is one for all owners where there is a single shard", () => {
    const owners = ["ip", "user", "product"].map((kind) => objectNameOf({ kind, part: `${kind[0]}1:x` }, 1));
    expect(new Set(owners)).toEqual(new Set(["limiter"]));
  });

  it("spreads neighbours over all shards", () => {
    const counts = new Map<string, number>();
    for (let host = 0; host < 6400; host += 1) {
      const name = objectNameOf({ kind: "ip", part: `i10:10.0.${host >> 8}.${host & 255}` }, 32);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    expect(counts.size).toBe(32);
    // 200 each on average; six standard deviations are 84.
    expect(Math.max(...counts.values())).toBeLessThan(284);
    expect(Math.min(...counts.values())).toBeGreaterThan(116);
  });
});

describe("exactStore()", () => {
  it("asks once for all checks of one owner, and apart for others", async () => {
    const { store, names } = storeOf(fits);
    const sameOwner = { ...CHECK, policy: { ...POLICY, name: "per-client-and-product" }, key: "i1:ap1:x" };
    const product = {
      ...CHECK,
      policy: { ...POLICY, name: "per-product" },
      key: "p1:x",
      owner: { kind: "product", part: "p1:x" },
    };
    const answer = { outcome: "fits", remaining: 4, resetMs: 60_000, used: 0.2, receipt: 1000 };
    expect(await store.take([CHECK, product, sameOwner])).toEqual([answer, answer, answer]);
    expect(names.map((name) => name.replace(/\d+$/, "")).toSorted()).toEqual(["limiter-ip-", "limiter-product-"]);
  });

  it("asks once for everything where there is a single shard, all or nothing", async () => {
    const { store, names } = storeOf(fits, 1);
    const buyer = {
      ...CHECK,
      policy: { ...POLICY, name: "per-buyer" },
      key: "u1:a",
      owner: { kind: "user", part: "u1:a" },
    };
    expect((await store.take([CHECK, buyer])).map(({ outcome }) => outcome)).toEqual(["fits", "fits"]);
    expect(names).toEqual(["limiter"]);
  });

  it("takes a rider along to its address's object only, and tells it what was answered there", async () => {
    const asked: string[] = [];
    const { store } = storeOf(async (checks) => {
      asked.push(checks.map(({ policy }) => policy).join(" "));
      return fits(checks);
    });
    const buyer = {
      ...CHECK,
      policy: { ...POLICY, name: "per-buyer" },
      key: "u1:a",
      owner: { kind: "user", part: "u1:a" },
    };
    const told: unknown[] = [];
    const rider = riderOf((answers) => told.push(answers));
    expect(await store.take([buyer, CHECK], rider)).toHaveLength(2);
    expect(asked.toSorted()).toEqual(["per-buyer", "per-client risk.accounts"]);
    expect(told).toEqual([[{ allowed: true, remaining: 4, waitMs: 60_000, takenAt: 1000 }]]);
    await store.take([buyer], rider);
    expect(asked).toHaveLength(3);
    expect(told).toHaveLength(1);
  });

  it.each<[string, Take]>([
    ["fails", () => Promise.reject(new Error("down"))],
    ["answers without it", async (checks) => fits(checks.slice(1))],
    ["is slow", () => new Promise(() => {})],
  ])("F9 tells a rider once that nothing is known where the call %s", async (_, take) => {
    const told: unknown[] = [];
    const answers = await storeOf(take).store.take(
      [CHECK],
      riderOf((answer) => told.push(answer)),
    );
    expect(answers.map(({ outcome }) => outcome)).toEqual(["failed"]);
    expect(told).toEqual([null]);
  });

  it("tells a rider nothing where its address is refused: nothing was taken", async () => {
    const told: unknown[] = [];
    await storeOf(refuse).store.take(
      [CHECK],
      riderOf((answer) => told.push(answer)),
    );
    expect(told).toEqual([]);
  });

  it("F9 keeps what one object answered in time when another is too late", async () => {
    const { store } = storeOf((checks) => (checks[0]?.policy === "per-buyer" ? new Promise(() => {}) : fits(checks)));
    const buyer = {
      ...CHECK,
      policy: { ...POLICY, name: "per-buyer" },
      key: "u1:a",
      owner: { kind: "user", part: "u1:a" },
    };
    expect(await store.take([buyer, CHECK])).toEqual([
      { outcome: "failed", reason: "timeout" },
      expect.objectContaining({ outcome: "fits" }),
    ]);
  });

  it("F9 takes for a failure what an object throws at once", async () => {
    const namespace = {
      getByName(): never {
        throw new RangeError("no such object");
      },
    };
    const store = exactStore(namespace, { shards: 32, budgetMs: BUDGET_MS });
    expect(await store.take([CHECK])).toEqual([{ outcome: "failed", reason: "RangeError" }]);
    await expect(store.giveBack([{ check: CHECK, receipt: 1 }])).resolves.toBeUndefined();
  });

  it("gives every check its own answer, in their order", async () => {
    const { store } = storeOf(async (checks) => ({
      taken: false,
      answers: checks.map(({ policy }) => ({ allowed: policy !== "b", remaining: 0, waitMs: 7, takenAt: null })),
    }));
    const checks = ["a", "b", "c"].map((name) => ({ ...CHECK, policy: { ...POLICY, name } }));
    expect((await store.take(checks)).map(({ outcome }) => outcome)).toEqual(["fits", "refused", "fits"]);
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["no receipt", { taken: true, answers: [{ allowed: true, remaining: 1, waitMs: 0 }] }],
    ["a word", "ok"],
    ["no answers", { taken: true, answers: [] }],
    ["an answer too many", { taken: true, answers: [ANSWER, ANSWER] }],
    ["a remainder below nothing", { taken: true, answers: [{ ...ANSWER, remaining: -1 }] }],
    ["no time", { taken: false, answers: [{ ...ANSWER, allowed: false, waitMs: Number.NaN }] }],
    ["a verdict that is none", { taken: true, answers: [{ ...ANSWER, allowed: "yes" }] }],
  ])("F9 takes %s for a failure", async (_, garbage) => {
    const { store } = storeOf(async () => garbage);
    expect(await store.take([CHECK])).toEqual([{ outcome: "failed", reason: "garbage" }]);
  });

  it.each<[string, unknown]>([
    ["no JSON", "ok"],
    ["an object instead of its text", { taken: true, answers: [ANSWER] }],
  ])("F9 takes %s for a failure", async (_, answer) => {
    const getByName = () => ({ take: async () => answer, giveBack: async () => undefined });
    const store = exactStore({ getByName }, { shards: 32, budgetMs: BUDGET_MS });
    expect(await store.take([CHECK])).toEqual([{ outcome: "failed", reason: "garbage" }]);
  });

  it("F9 takes an exception for a failure", async () => {
    const { store, names } = storeOf(async () => {
      throw new TypeError("broken");
    });
    expect(await store.take([CHECK])).toEqual([{ outcome: "failed", reason: "TypeError" }]);
    expect(names).toHaveLength(1);
  });

  it("F9 does not outlast its time budget", async () => {
    const { store } = storeOf(() => new Promise(() => {}));
    const startedAt = performance.now();
    expect(await store.take([CHECK])).toEqual([{ outcome: "failed", reason: "timeout" }]);
    expect(performance.now() - startedAt).toBeLessThan(BUDGET_MS + 1500);
  });

  it("F8 tries a retryable failure once more, with a fresh stub", async () => {
    let calls = 0;
    const { store, names } = storeOf(async (checks) => {
      calls += 1;
      if (calls === 1) throw platformError({ retryable: true });
      return fits(checks);
    });
    expect((await store.take([CHECK]))[0]?.outcome).toBe("fits");
    expect(names).toHaveLength(2);
  });

  it.each<[string, Record<string, boolean>, number]>([
    ["an overloaded object", { retryable: true, overloaded: true }, 1],
    ["a failure that stays", { retryable: true }, 2],
  ])("F8 leaves %s alone", async (_, flags, calls) => {
    const { store, names } = storeOf(async () => {
      throw platformError(flags);
    });
    expect((await store.take([CHECK]))[0]?.outcome).toBe("failed");
    expect(names).toHaveLength(calls);
  });
});
