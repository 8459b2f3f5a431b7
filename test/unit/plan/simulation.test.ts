import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SimulatedSale, simulate } from "../../../scripts/plan/simulation/simulation.ts";
import { COUNTED, PRODUCT_CALLS } from "../../../scripts/plan/simulation/tally.ts";
import { plannedSale, RULES, TIMES } from "./planned-sale.ts";

/** One process with one thread, and next to no distance. */
const ONE_MACHINE = {
  topology: "machine",
  isolates: 1,
  objectPerSecond: null,
  edgeTripMs: 0.2,
  objectTripMs: 0,
} as const;

function run(changes: Parameters<typeof plannedSale>[0] = {}, rules = RULES): SimulatedSale {
  return simulate(plannedSale(changes), rules, TIMES);
}

function countsOf({ tally }: SimulatedSale): Readonly<Record<string, number>> {
  return Object.fromEntries(COUNTED.map((what) => [what, tally.of(what)]));
}

function changesOf({ tally }: SimulatedSale): number {
  return tally.sum(["held", "paid", "cancelled", "expired"]);
}

describe("simulate", () => {
  it("conserves units and orders, whatever the sale is", () => {
    const changes = fc.record({
      buyers: fc.integer({ min: 1, max: 1500 }),
      stock: fc.integer({ min: 1, max: 600 }),
      quantity: fc.integer({ min: 1, max: 3 }),
      shards: fc.integer({ min: 1, max: 3 }),
      isolates: fc.integer({ min: 1, max: 8 }),
      patienceMs: fc.constantFrom(0, 3000),
      waitingShare: fc.constantFrom(0, 0.4),
      attackShare: fc.constantFrom(0, 0.2),
      challenge: fc.constantFrom("none", "pow"),
      arrival: fc.constantFrom("spike", "ramp", "poisson"),
      seed: fc.integer({ min: 1, max: 1000 }),
    });
    fc.assert(
      fc.property(changes, ({ stock, quantity, challenge, shards, isolates, seed, ...crowd }) => {
        const round = { stock, quantity, perBuyer: quantity, holdMs: 2000, challenge };
        const times = { thinkMs: 200, stayMs: 500, waitingMs: 5000, attackPerSecond: 5 };
        const places = { shards, isolates };
        const { tally, units } = run({ crowd: { ...times, ...crowd }, round, places, seed });
        expect(units.paid + units.held + units.available).toBe(stock);
        expect(units.held).toBe(0);
        expect(units.available).toBeGreaterThanOrEqual(0);
        const ended = tally.of("paid") + tally.of("cancelled") + tally.of("expired");
        expect(ended).toBeGreaterThanOrEqual(tally.of("held"));
        expect(tally.of("paid") * quantity).toBe(units.paid);
        expect(tally.of("events")).toBe(tally.of("held") + ended + tally.of("refundDue"));
        expect(tally.of("messages")).toBeLessThanOrEqual(tally.of("events"));
        expect(tally.of("messages") * 100).toBeGreaterThanOrEqual(tally.of("events"));
        expect(tally.of("holdCall")).toBeGreaterThanOrEqual(tally.of("held") + tally.of("refusedByObject"));
      }),
      { numRuns: 40 },
    );
  });

  it("repeats itself by its seed, and not by another", () => {
    const changes = { crowd: { patienceMs: 5000, thinkMs: 300, watchingShare: 0.3 } };
    expect(countsOf(run(changes))).toEqual(countsOf(run(changes)));
    expect(countsOf(run({ ...changes, seed: 2 }))).not.toEqual(countsOf(run(changes)));
  });

  it("one limiter call each for address and buyer with a token; two requests and five calls with a challenge", () => {
    const plain = run({ round: { stock: 5000 } }).tally;
    expect([plain.of("tokenIssue"), plain.of("clientTake"), plain.of("buyerTake"), plain.of("accountsTake")]).toEqual([
      2000, 2000, 2000, 0,
    ]);
    const challenged = run({ round: { stock: 5000, challenge: "pow" } }).tally;
    expect(challenged.of("challengeIssue")).toBe(2000);
    expect(challenged.of("tokenSolved")).toBe(2000);
    expect(challenged.of("buyerTake")).toBe(4000);
    expect(challenged.of("accountsTake")).toBe(4000);
    expect(challenged.of("challengeTake")).toBe(2000);
    // Limits by address give way.
    expect(challenged.of("clientTake")).toBe(0);
  });

  it("one limiter call for everything where one object counts for all", () => {
    const { tally } = run({ round: { stock: 5000 } }, { ...RULES, limiterShards: 1 });
    expect([tally.of("tokenIssue"), tally.sum(["clientTake", "buyerTake", "accountsTake"])]).toEqual([2000, 2000]);
  });

  it("asks nobody for what wrangler.toml does not count", () => {
    const rules = { ...RULES, clientTake: false, buyerTake: false, accountsTake: false };
    expect(run({}, rules).tally.sum(["clientTake", "buyerTake", "accountsTake"])).toBe(0);
  });

  it("one call of the object for each checkout that passes, and a commit for no more than that", () => {
    const { tally } = run({ round: { stock: 5000 }, crowd: { payShare: 0, cancelShare: 0 } });
    expect(tally.of("holdCall")).toBe(2000);
    expect(tally.of("held")).toBe(2000);
    expect(tally.of("expired")).toBe(2000);
    expect(tally.of("commits")).toBeLessThanOrEqual(tally.sum(PRODUCT_CALLS));
  });

  it("a commit of its own for each change of a calm sale, shared ones in a rush, and none that changes nothing", () => {
    const calm = run({ crowd: { buyers: 100, arrivalMs: 100_000, arrival: "poisson" }, round: { stock: 5000 } });
    expect(calm.tally.of("changingCommits")).toBeGreaterThan(0.9 * changesOf(calm));
    expect(calm.tally.of("commits")).toBeGreaterThan(calm.tally.of("changingCommits"));
    const rush = run({ crowd: { buyers: 5000, arrivalMs: 500, arrival: "spike" }, round: { stock: 5000 } });
    expect(rush.tally.of("changingCommits")).toBeLessThan(0.7 * changesOf(rush));
  });

  it("refuses late-comers at the edge: the object is called for hardly more than the stock", () => {
    const { tally, soldOutAtMs } = run({ crowd: { buyers: 20_000, stayMs: 5000 } });
    // 2,000 a second for 200 units: gone after a tenth of a second, known everywhere a second later.
    expect(soldOutAtMs).toBeGreaterThan(100);
    expect(soldOutAtMs).toBeLessThan(500);
    expect(tally.of("holdCall")).toBeLessThan(2500);
    expect(tally.of("productRead")).toBeGreaterThan(20_000);
  });

  it("a double click is one more call and no more orders", () => {
    const single = run({ round: { stock: 5000 } }).tally;
    const double = run({ round: { stock: 5000 }, crowd: { doubleShare: 1 } }).tally;
    expect(double.of("holdCall")).toBe(2 * single.of("holdCall"));
    expect(double.of("held")).toBe(single.of("held"));
  });

  it("units that come back go to those who wait", () => {
    const round = { holdMs: 2000, stock: 50 };
    const crowd = { payShare: 0.5, cancelShare: 0, buyers: 500, arrivalMs: 1000 };
    const impatient = run({ round, crowd });
    const patient = run({ round, crowd: { ...crowd, patienceMs: 60_000 } });
    expect([impatient.tally.of("held"), patient.units.paid]).toEqual([50, 50]);
    expect(patient.tally.of("held")).toBeGreaterThan(impatient.tally.of("held"));
  });

  it("an object that is held to its rate takes no more than that in a second, and says when it is too busy", () => {
    const crowd = { buyers: 20_000, arrivalMs: 2000 };
    const rules = { ...RULES, clientTake: false, buyerTake: false, accountsTake: false };
    const slow = run({ crowd, round: { stock: 20_000 }, places: { objectPerSecond: 100 } }, rules);
    expect(slow.tally.peak(["held"]).perSecond).toBeLessThanOrEqual(101);
    expect(slow.tally.of("overloaded")).toBeGreaterThan(0);
    expect(slow.longestWaitMs).toBeGreaterThan(1000);
  });

  it("shards divide the stock and the calls", () => {
    const places = { objectPerSecond: null };
    const crowd = { cancelShare: 0 };
    const one = run({ crowd, round: { stock: 2000 }, places });
    const four = run({ crowd, round: { stock: 2000 }, places: { ...places, shards: 4 } });
    // Whom his shard refuses has no other: some are left over.
    expect(one.tally.of("held")).toBe(2000);
    expect(four.tally.of("held")).toBeLessThan(2000);
    expect(four.tally.of("held")).toBeGreaterThan(1900);
    expect(four.units.paid + four.units.available).toBe(2000);
    expect(four.mostWaiting).toBeLessThanOrEqual(one.mostWaiting);
  });

  it("scripts beyond their limit cost the edge, and the limiters no more than it lets through", () => {
    const crowd = { attackShare: 0.5, attackPerSecond: 20, arrivalMs: 10_000 };
    const { tally } = run({ crowd, round: { stock: 50_000 } });
    const requests = 1000 * 20 * 10;
    expect(tally.of("refusalAtEdge")).toBeGreaterThan(requests - 1000 * 10 - 1);
    expect(tally.of("buyerTake")).toBeLessThanOrEqual(2000 + 1000 * 10);
  });

  it("commits of a rush keep their distance, and nothing of it is lost", () => {
    const crowd = { buyers: 4000, arrivalMs: 1000, payShare: 0, cancelShare: 0 };
    const places = { objectPerSecond: null, commitMs: 1 };
    const { tally } = run({ crowd, places, round: { stock: 5000 } });
    expect(tally.of("held")).toBe(4000);
    // 1 ms until it is durable, 6 of rest, 0.5 and 0.1 each of work: 28 come meanwhile.
    expect(tally.peak(["commits"]).perSecond).toBeLessThan(1000 / 7);
    expect(tally.peak(["commits"]).perSecond).toBeGreaterThan(1000 / 14);
  });

  it("who finds the one machine idle waits for it to wake, and the longer it was idle the longer", () => {
    const checkoutMs = (buyers: number): number => {
      const crowd = { buyers, arrivalMs: 10_000, payShare: 0, cancelShare: 0 };
      return run({ places: { ...ONE_MACHINE, commitMs: 0 }, crowd, round: { stock: 20_000 } }).checkoutMs.p50;
    };
    const { awake, rested } = TIMES.lone.hold;
    const workMs = ONE_MACHINE.edgeTripMs + TIMES.worker.hold + TIMES.call + TIMES.command + TIMES.commit;
    // One a second: nothing is left of the last one.
    expect(checkoutMs(10)).toBeCloseTo(workMs + awake + rested, 3);
    // One in 5 ms: some of it is.
    expect(checkoutMs(2000)).toBeLessThan(workMs + awake + rested);
    expect(checkoutMs(2000)).toBeGreaterThan(workMs + awake);
  });

  it("that wait is spread as it was measured: one of twenty is longer than the measured p95", () => {
    const crowd = { buyers: 3000, arrivalMs: 3_000_000, payShare: 0, cancelShare: 0 };
    const spread = 0.5;
    const times = { ...TIMES, lone: { ...TIMES.lone, hold: { awake: 0, rested: 2, spread } } };
    const sale = plannedSale({ places: { ...ONE_MACHINE, commitMs: 0 }, crowd, round: { stock: 3000 } });
    const { p50, p95 } = simulate(sale, RULES, times).checkoutMs;
    const workMs = ONE_MACHINE.edgeTripMs + TIMES.worker.hold + TIMES.call + TIMES.command + TIMES.commit;
    // Of three thousand, known to some three in a hundred; the normal distribution's 1.645.
    expect((p50 - workMs) / 2).toBeCloseTo(1, 1);
    expect((p95 - workMs) / (2 * Math.exp(1.645 * spread))).toBeCloseTo(1, 1);
  });

  it("on one machine with one thread everything waits for everything", () => {
    const calm = run({ places: ONE_MACHINE, crowd: { buyers: 500 }, round: { stock: 500 } });
    const crowded = run({ places: ONE_MACHINE, crowd: { buyers: 10_000 }, round: { stock: 10_000 } });
    expect(calm.tokenMs.p50).toBeLessThan(5);
    // 1,000 a second at some two ms each.
    expect(crowded.checkoutMs.p50).toBeGreaterThan(100 * calm.checkoutMs.p50);
  });
});
