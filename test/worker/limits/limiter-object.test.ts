/** The limiter object on workerd: exact, durable, all or nothing, and no larger than what it counts. */
import { env } from "cloudflare:workers";
import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LimiterObject } from "../../../durable-objects/limiter/limiter-object.ts";
import type { TakeAnswer, TakeCheck } from "../../../durable-objects/limiter/protocol.ts";
import { unpack } from "../../../src/packed.ts";

const MINUTE_MS = 60_000;
/** On a full minute, where windows by the clock would begin. */
const START = Math.ceil(Date.now() / MINUTE_MS) * MINUTE_MS;
const CHECK: TakeCheck = {
  policy: "per-client",
  algorithm: "sliding-log",
  key: "i1:a",
  limit: 10,
  burst: 10,
  windowMs: MINUTE_MS,
  cost: 1,
  shadow: false,
};

/** A mark of single use. */
const ONCE: TakeCheck = { ...CHECK, policy: "once", limit: 1, burst: 1, durable: true };

let objects = 0;

/** An object of this test's own. */
function limiter() {
  objects += 1;
  return env.LIMITER.getByName(`limiter-test-${objects}`);
}

type Limiter = ReturnType<typeof limiter>;

async function take(stub: Limiter, ...checks: readonly TakeCheck[]): Promise<TakeAnswer> {
  return unpack(await stub.take(checks));
}

/** Takes, and waits until it is on disk. */
async function takeAndPersist(stub: Limiter, ...checks: readonly TakeCheck[]): Promise<void> {
  await stub.take(checks);
  await stub.persist();
}

async function countTaken(stub: Limiter, attempts: number, check = CHECK): Promise<number> {
  const answers = await Promise.all(Array.from({ length: attempts }, () => take(stub, check)));
  return answers.filter(({ taken }) => taken).length;
}

function tables(stub: Limiter): Promise<number> {
  return runInDurableObject(
    stub,
    (_, { storage }) => storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'counts'").toArray().length,
  );
}

function rows(stub: Limiter): Promise<number> {
  return runInDurableObject(
    stub,
    (_, { storage }) => storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM counts").one().n,
  );
}

function unitsOnDisk(stub: Limiter): Promise<number> {
  return runInDurableObject(
    stub,
    (_, { storage }) => storage.sql.exec<{ n: number }>("SELECT sum(length(times)) / 8 AS n FROM counts").one().n,
  );
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});

afterEach(() => {
  vi.useRealTimers();
});

describe("LimiterObject", () => {
  it("takes exactly the limit from 50 requests at once", async () => {
    const stub = limiter();
    expect(await countTaken(stub, 50)).toBe(10);
    expect(await countTaken(stub, 50)).toBe(0);
  });

  it("takes exactly the limit from hundreds of requests at once", async () => {
    expect(await countTaken(limiter(), 600, { ...CHECK, limit: 300 })).toBe(300);
  });

  it("answers what is left, and when the request would fit, to the millisecond", async () => {
    const stub = limiter();
    const check = { ...CHECK, limit: 2 };
    expect((await take(stub, check)).answers).toEqual([
      { allowed: true, remaining: 1, waitMs: MINUTE_MS, takenAt: START },
    ]);
    vi.setSystemTime(START + 1000);
    expect((await take(stub, check)).answers).toEqual([
      { allowed: true, remaining: 0, waitMs: 59_000, takenAt: START + 1000 },
    ]);
    expect((await take(stub, check)).answers).toEqual([
      { allowed: false, remaining: 0, waitMs: 59_000, takenAt: null },
    ]);
    vi.setSystemTime(START + 59_999);
    expect((await take(stub, check)).taken).toBe(false);
    vi.setSystemTime(START + MINUTE_MS);
    expect((await take(stub, check)).taken).toBe(true);
  });

  it("gives a boundary attacker 1.0 times the limit", async () => {
    const stub = limiter();
    vi.setSystemTime(START + MINUTE_MS - 1);
    expect(await countTaken(stub, 20)).toBe(10);
    for (const afterMs of [0, 1, MINUTE_MS - 2]) {
      vi.setSystemTime(START + MINUTE_MS + afterMs);
      expect(await countTaken(stub, 20)).toBe(0);
    }
    vi.setSystemTime(START + 2 * MINUTE_MS - 1);
    expect(await countTaken(stub, 20)).toBe(10);
  });

  it("F1 counts on where it was after its memory is gone", async () => {
    const stub = limiter();
    expect(await countTaken(stub, 7)).toBe(7);
    await stub.persist();
    await evictDurableObject(stub);
    vi.setSystemTime(START + 30_000);
    expect(await countTaken(stub, 7)).toBe(3);
    await stub.persist();
    await evictDurableObject(stub);
    vi.setSystemTime(START + MINUTE_MS);
    expect(await countTaken(stub, 20)).toBe(7);
  });

  it("F10 lets nothing more through when its clock goes back", async () => {
    const stub = limiter();
    expect(await countTaken(stub, 10)).toBe(10);
    vi.setSystemTime(START - 3_600_000);
    expect(await countTaken(stub, 10)).toBe(0);
    vi.setSystemTime(START + MINUTE_MS);
    expect(await countTaken(stub, 10)).toBe(10);
  });

  it("F10 still finds what has ended when its clock goes back a little", async () => {
    const stub = limiter();
    expect(await countTaken(stub, 10)).toBe(10);
    vi.setSystemTime(START + MINUTE_MS);
    await take(stub, { ...CHECK, key: "another" });
    vi.setSystemTime(START + MINUTE_MS - 1);
    expect(await countTaken(stub, 10)).toBe(0);
  });

  it("T16 counts every policy and key apart", async () => {
    const stub = limiter();
    expect(await countTaken(stub, 20)).toBe(10);
    expect(await countTaken(stub, 20, { ...CHECK, key: "i1:b" })).toBe(10);
    expect(await countTaken(stub, 20, { ...CHECK, policy: "other" })).toBe(10);
  });

  it("takes of all limits or of none", async () => {
    const stub = limiter();
    const narrow = { ...CHECK, policy: "narrow", limit: 1 };
    expect((await take(stub, CHECK, narrow)).taken).toBe(true);
    expect(await take(stub, CHECK, narrow)).toEqual({
      taken: false,
      answers: [
        { allowed: true, remaining: 9, waitMs: MINUTE_MS, takenAt: null },
        { allowed: false, remaining: 0, waitMs: MINUTE_MS, takenAt: null },
      ],
    });
    expect(await countTaken(stub, 20)).toBe(9);
  });

  it("counts a shadow without its being in the way", async () => {
    const stub = limiter();
    const shadow = { ...CHECK, policy: "shadow", limit: 1, shadow: true };
    const answers = [await take(stub, CHECK, shadow), await take(stub, CHECK, shadow)];
    expect(answers.map(({ taken }) => taken)).toEqual([true, true]);
    expect(answers.map((answer) => answer.answers[1]?.allowed)).toEqual([true, false]);
  });

  it("lets a request that cannot be decided fail alone", async () => {
    const stub = limiter();
    const limits = [10, 0, 10];
    const settled = await runInDurableObject<LimiterObject, PromiseSettledResult<unknown>[]>(stub, (instance) =>
      Promise.allSettled(limits.map((limit) => instance.take([{ ...CHECK, limit }]))),
    );
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await countTaken(stub, 20)).toBe(8);
  });

  it("writes nothing before it counts, and nothing for a refusal", async () => {
    const stub = limiter();
    expect(await tables(stub)).toBe(0);
    await countTaken(stub, 10);
    await stub.persist();
    const written = () =>
      runInDurableObject(stub, (_, { storage }) => storage.sql.exec("SELECT total_changes() AS n").one());
    const before = await written();
    expect(await countTaken(stub, 5)).toBe(0);
    await stub.persist();
    expect(await written()).toEqual(before);
  });

  it("T15 sweeps rows that have ended by alarm, until none is left", async () => {
    const stub = limiter();
    for (let key = 0; key < 50; key += 1) await take(stub, { ...CHECK, key: `i2:${key}` });
    await stub.persist();
    expect(await rows(stub)).toBe(50);
    vi.setSystemTime(START + 30_000);
    await takeAndPersist(stub, { ...CHECK, key: "later", windowMs: 10 * MINUTE_MS });
    vi.setSystemTime(START + 2 * MINUTE_MS);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await rows(stub)).toBe(1);
    vi.setSystemTime(START + 12 * MINUTE_MS);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await rows(stub)).toBe(0);
    expect(await runDurableObjectAlarm(stub)).toBe(false);
  });

  it("T15 sweeps many rows in steps, with room for requests between them", async () => {
    const stub = limiter();
    for (let key = 0; key < 2500; key += 50) {
      await take(stub, ...Array.from({ length: 50 }, (_, index) => ({ ...CHECK, key: `i4:${key + index}` })));
    }
    await stub.persist();
    const alarmAt = () => runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
    // Two steps of a minute after the last unit has ended, the first one full, and its own turn within the next one.
    expect(await alarmAt()).toBeGreaterThanOrEqual(START + 2 * MINUTE_MS);
    expect(await alarmAt()).toBeLessThan(START + 3 * MINUTE_MS);
    const now = START + 3 * MINUTE_MS;
    vi.setSystemTime(now);
    const left: number[] = [];
    const pauses: (number | null)[] = [];
    while (await runDurableObjectAlarm(stub)) {
      left.push(await rows(stub));
      const next = await alarmAt();
      pauses.push(next === null ? null : next - now);
    }
    expect(left).toEqual([1500, 500, 0]);
    expect(pauses).toEqual([1000, 1000, null]);
  });

  it("spreads the sweeps of several objects over a minute", async () => {
    const alarms = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const stub = limiter();
        await takeAndPersist(stub, CHECK);
        return runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
      }),
    );
    expect(new Set(alarms).size).toBe(8);
  });

  it("T15 sweeps a few rows with every write, even if no alarm runs (F4)", async () => {
    const stub = limiter();
    for (let key = 0; key < 50; key += 1) await take(stub, { ...CHECK, key: `i2:${key}` });
    await stub.persist();
    vi.setSystemTime(START + 3 * MINUTE_MS);
    await takeAndPersist(stub, CHECK);
    expect(await rows(stub)).toBe(49);
    for (let request = 0; request < 24; request += 1) {
      await takeAndPersist(stub, { ...CHECK, limit: 100, burst: 100 });
    }
    expect(await rows(stub)).toBe(1);
  });

  it("F4 sets an alarm that was lost again", async () => {
    const stub = limiter();
    await takeAndPersist(stub, CHECK);
    await runInDurableObject(stub, (_, { storage }) => storage.deleteAlarm());
    await evictDurableObject(stub);
    await takeAndPersist(stub, CHECK);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
  });

  it("F1 writes by itself within a moment, and not before it answers", async () => {
    const stub = limiter();
    await take(stub, CHECK);
    expect(await tables(stub)).toBe(0);
    await expect.poll(() => tables(stub), { timeout: 5000 }).toBe(1);
    expect(await rows(stub)).toBe(1);
  });

  it("F1 forgets no more than what was not written yet when it crashes", async () => {
    const stub = limiter();
    expect(await countTaken(stub, 6)).toBe(6);
    await stub.persist();
    expect(await countTaken(stub, 2)).toBe(2);
    await abortAllDurableObjects();
    // A stub of an aborted object is broken for good.
    const left = await countTaken(env.LIMITER.get(stub.id), 20);
    expect(left).toBeGreaterThanOrEqual(2);
    expect(left).toBeLessThanOrEqual(4);
  });

  it("F1 forgets no durable take that was answered, however soon it crashes", async () => {
    const stub = limiter();
    expect((await take(stub, ONCE)).taken).toBe(true);
    await abortAllDurableObjects();
    expect((await take(env.LIMITER.get(stub.id), ONCE)).taken).toBe(false);
  });

  it("writes durable takes in flight together, and nothing for the others", async () => {
    const stub = limiter();
    const transactions = await runInDurableObject<LimiterObject, number>(stub, async (instance, { storage }) => {
      const commit = vi.spyOn(storage, "transactionSync");
      await instance.take([CHECK]);
      expect(commit).not.toHaveBeenCalled();
      await Promise.all(Array.from({ length: 100 }, (_, key) => instance.take([{ ...ONCE, key: `${key}` }])));
      await instance.take([ONCE]);
      return commit.mock.calls.length;
    });
    // One at once, one for all that came while it was on its way, one for the last.
    expect(transactions).toBe(3);
    expect(await unitsOnDisk(stub)).toBe(102);
  });

  it("F3 answers no durable take that could not be written, and keeps its mark", async () => {
    const stub = limiter();
    await takeAndPersist(stub, CHECK);
    await runInDurableObject(stub, (_, { storage }) => {
      storage.sql.exec("CREATE TRIGGER full BEFORE INSERT ON counts BEGIN SELECT raise(ABORT, 'disk full'); END");
    });
    const told = await runInDurableObject<LimiterObject, PromiseSettledResult<unknown>[]>(stub, (instance) =>
      Promise.allSettled([1, 2, 3].map((key) => instance.take([{ ...ONCE, key: `${key}` }]))),
    );
    expect(told.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect((await take(stub, { ...ONCE, key: "1" })).taken).toBe(false);
    await runInDurableObject(stub, (_, { storage }) => {
      storage.sql.exec("DROP TRIGGER full");
    });
    await expect.poll(() => unitsOnDisk(stub), { timeout: 5000 }).toBe(4);
  });

  it("F3 keeps what could not be written in memory, and writes it later", async () => {
    const stub = limiter();
    await takeAndPersist(stub, CHECK);
    await runInDurableObject(stub, (_, { storage }) => {
      storage.sql.exec("CREATE TRIGGER full BEFORE UPDATE ON counts BEGIN SELECT raise(ABORT, 'disk full'); END");
    });
    const log = vi.spyOn(console, "error").mockReturnValue();
    expect(await countTaken(stub, 6)).toBe(6);
    await expect.poll(() => log.mock.calls.flat().join(""), { timeout: 5000 }).toContain("limiter-write-failed");
    log.mockRestore();
    await runInDurableObject(stub, (_, { storage }) => {
      storage.sql.exec("DROP TRIGGER full");
    });
    await expect.poll(() => unitsOnDisk(stub), { timeout: 5000 }).toBe(7);
    await evictDurableObject(stub);
    expect(await countTaken(stub, 20)).toBe(3);
  });

  it("gives back exactly what was taken, and nothing that is over", async () => {
    const stub = limiter();
    const check = { ...CHECK, limit: 3, burst: 3, cost: 2 };
    const [taken] = (await take(stub, check)).answers;
    expect((await take(stub, check)).taken).toBe(false);
    await stub.giveBack([{ check, takenAt: taken?.takenAt ?? 0 }]);
    expect((await take(stub, { ...check, cost: 3 })).taken).toBe(true);
    vi.setSystemTime(START + MINUTE_MS);
    await take(stub, { ...check, cost: 3 });
    await stub.giveBack([{ check, takenAt: START }]);
    expect((await take(stub, { ...check, cost: 1 })).taken).toBe(false);
  });

  it("takes by weight", async () => {
    const stub = limiter();
    expect(await countTaken(stub, 20, { ...CHECK, cost: 3 })).toBe(3);
    expect(await countTaken(stub, 20)).toBe(1);
  });
});

describe("LimiterObject with GCRA", () => {
  const GCRA: TakeCheck = { ...CHECK, algorithm: "gcra", limit: 100, burst: 40 };

  it("gives a boundary attacker 1.0 times the limit", async () => {
    const stub = limiter();
    let taken = await countTaken(stub, 200, GCRA);
    expect(taken).toBe(40);
    for (let ms = 0; ms < MINUTE_MS; ms += 500) {
      vi.setSystemTime(START + ms);
      taken += await countTaken(stub, 3, GCRA);
    }
    vi.setSystemTime(START + MINUTE_MS - 1);
    taken += await countTaken(stub, 50, GCRA);
    expect(taken).toBe(100);
  });

  it("F1 counts on where it was after its memory is gone", async () => {
    const stub = limiter();
    expect(await countTaken(stub, 30, GCRA)).toBe(30);
    await stub.persist();
    await evictDurableObject(stub);
    expect(await countTaken(stub, 30, GCRA)).toBe(10);
  });

  it("T16 counts anew under another algorithm, and mistakes no count for the other's", async () => {
    const stub = limiter();
    expect(await countTaken(stub, 50, GCRA)).toBe(40);
    expect(await countTaken(stub, 50)).toBe(10);
    expect(await countTaken(stub, 50, GCRA)).toBe(0);
  });

  it("T15 sweeps its rows", async () => {
    const stub = limiter();
    await takeAndPersist(stub, GCRA);
    vi.setSystemTime(START + 3 * MINUTE_MS);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await rows(stub)).toBe(0);
  });
});
