/** The attack's judge: pure, with cooked evidence. */
import { describe, expect, it } from "vitest";
import { newCosts } from "../../scripts/attack/cost/cost.ts";
import { type Evidence, judgeAttack } from "../../scripts/attack/judge.ts";
import { type Journey, newAttackRecord, newJourney, noteWork, type Seizure } from "../../scripts/attack/record.ts";
import { brokenOf, formatAttack } from "../../scripts/attack/table.ts";

const OPENS_AT = 1_000_000;

const ledger = {
  state: "sold-out",
  allocated: 10,
  available: 0,
  held: 0,
  paid: 10,
  withdrawn: 0,
  orders: { held: 0, paid: 10, cancelled: 0, expired: 0, refundDue: 0 },
  outbox: { pending: 0 },
};

function journey(number: number, change: Partial<Journey> = {}): Journey {
  return { ...newJourney(`honest-${number}`), ...change };
}

function seizure(number: number, change: Partial<Seizure> = {}): Seizure {
  return {
    orderId: `order-${number}`,
    accountId: `attacker-${number}`,
    quantity: 1,
    heldAt: OPENS_AT,
    holdExpiresAt: OPENS_AT + 5000,
    paid: true,
    ...change,
  };
}

/** Ten units: six to honest buyers of fifteen, four to five accounts. */
function fair(change: Partial<Evidence> = {}): Evidence {
  const record = newAttackRecord();
  for (let number = 0; number < 15; number++) {
    const refusals = new Map([["sold-out", 1]]);
    record.journeys.push(
      number < 6
        ? journey(number, { bought: true, clickToOrderMs: 10 })
        : journey(number, { refusals, endedBy: "sold-out" }),
    );
  }
  for (let number = 0; number < 4; number++) record.seizures.set(`order-${number}`, seizure(number));
  return {
    profile: "botnet",
    defences: "on",
    accounts: 5,
    stock: 10,
    perBuyerLimit: 1,
    record,
    costs: newCosts(),
    honestLatencies: [4, 1, 3, 2],
    opensAt: OPENS_AT,
    attackEndsAt: OPENS_AT + 10_000,
    stockBackAt: OPENS_AT,
    ledger,
    ...change,
  };
}

function broken(evidence: Evidence): readonly string[] {
  return brokenOf([judgeAttack(evidence)]);
}

describe("judgeAttack", () => {
  it("T7: sets the attackers' units against their share of all identities", () => {
    const { attackers, honest } = judgeAttack(fair());
    expect(attackers).toMatchObject({ identities: 5, unitsPaid: 4, fairUnits: 2.5, factor: 1.6 });
    expect(honest).toMatchObject({ buyers: 15, bought: 6, refusedWrongly: 0, lostWrongly: 0, p50Ms: 2, p95Ms: 4 });
    expect(broken(fair())).toEqual([]);
  });

  it("knows no factor where the attackers have no identity", () => {
    expect(judgeAttack(fair({ accounts: 0 })).attackers.factor).toBeNull();
  });

  it("tells an honest buyer who was limited and bought from one who was sent away by it", () => {
    const evidence = fair();
    evidence.record.journeys[0]?.refusals.set("rate-limited", 3);
    const lost = evidence.record.journeys[14];
    lost?.refusals.set("overloaded", 1);
    if (lost !== undefined) lost.endedBy = "overloaded";
    const { honest } = judgeAttack(evidence);
    expect(honest).toMatchObject({
      refusedWrongly: 2,
      lostWrongly: 1,
      reasons: { "rate-limited": 1, overloaded: 1 },
    });
    expect(broken(evidence)).toEqual(["botnet: No honest buyer was refused for anything but the stock"]);
    expect(broken({ ...evidence, defences: "off" })).toEqual([]);
  });

  it("counts an honest buyer without any answer as wrongly lost", () => {
    const evidence = fair();
    evidence.record.journeys.push(journey(15));
    expect(judgeAttack(evidence).honest.lostWrongly).toBe(1);
  });

  it("T8: measures what unpaid holds blocked of the attack's time, and when the stock was back", () => {
    const evidence = fair({ stockBackAt: OPENS_AT + 9100 });
    evidence.record.seizures.clear();
    evidence.record.seizures.set("a", seizure(1, { paid: false, quantity: 2 }));
    evidence.record.seizures.set(
      "b",
      seizure(2, { paid: false, heldAt: OPENS_AT + 4000, holdExpiresAt: OPENS_AT + 60_000 }),
    );
    // 2 units for 5 s, and 1 unit for the 6 s until the attack's end, of 10 units for 10 s.
    expect(judgeAttack(evidence).hoarding).toEqual({
      blockedShare: 0.16,
      stockBackSeconds: 5.1,
      unpaidHolds: 2,
      mostOfOneAccount: 1,
    });
    expect(judgeAttack({ ...evidence, stockBackAt: null }).hoarding.stockBackSeconds).toBeNull();
  });

  it("T8: breaks the hoarders' promise when one account lets more lapse than its budget", () => {
    const evidence = fair({ profile: "hoarders" });
    evidence.record.seizures.set("a", seizure(1, { paid: false }));
    expect(broken(evidence)).not.toContain("hoarders: No account let more lapse than its budget");
    evidence.record.seizures.set("b", seizure(1, { paid: false }));
    expect(broken(evidence)).toContain("hoarders: No account let more lapse than its budget");
  });

  it("T16: breaks the campus' promise when somebody behind the address goes without", () => {
    expect(broken(fair({ profile: "campus" }))).toEqual(["campus: Everybody behind the shared address got a unit"]);
    const evidence = fair({ profile: "campus" });
    for (const each of evidence.record.journeys) each.bought = true;
    expect(broken(evidence)).not.toContain("campus: Everybody behind the shared address got a unit");
  });

  it("T11: sets the farm's time against the units that it won, and tells how long devices took", () => {
    const evidence = fair();
    expect(judgeAttack(evidence).work).toMatchObject({ coreSecondsPerUnit: null, deviceMostSeconds: 0 });
    for (let proof = 0; proof < 5; proof++) noteWork(evidence.record.farm, 300, 400);
    for (const [index, each] of evidence.record.journeys.entries()) each.deviceMs = index * 100;
    noteWork(evidence.record.devices, 900, 1500);
    expect(judgeAttack(evidence).work).toEqual({
      farm: { proofs: 5, trialsPerProof: 300, seconds: 2 },
      coreSecondsPerUnit: 0.5,
      devices: { proofs: 1, trialsPerProof: 900, seconds: 1.5 },
      deviceP50Seconds: 0.7,
      deviceMostSeconds: 1.4,
    });
  });

  it("divides the attackers' costs by their requests, the limiters' calls apart", () => {
    const costs = newCosts();
    costs.attacker = {
      requests: 200,
      calls: { "PRODUCT.view": 15, "PRODUCT.hold": 5, "LIMITER.take": 100, "CONTROL.copy": 10 },
      redis: 50,
      messages: 4,
    };
    expect(judgeAttack(fair({ costs })).cost).toEqual({
      objectCalls: 0.15,
      limiterCalls: 0.5,
      messages: 0.02,
      redisCalls: 0.25,
    });
  });

  it.each([
    ["Nothing forbidden was served", (evidence: Evidence) => void evidence.record.breaches.set("a forgery", 1)],
    [
      "Every unit was sold once at the most",
      (evidence: Evidence) => void evidence.record.seizures.set("x", seizure(9)),
    ],
    [
      "No account got more than the round allows",
      (evidence: Evidence) => void evidence.record.seizures.set("order-0", seizure(0, { quantity: 3 })),
    ],
  ])("breaks the promise: %s", (promise, change) => {
    const evidence = fair();
    change(evidence);
    expect(broken(evidence)).toContain(`botnet: ${promise}`);
  });

  it("T20: breaks the flood's promise when a forged request gets further than the edge's copy", () => {
    const costs = newCosts();
    costs.attacker = { requests: 1000, calls: { "PRODUCT.view": 10 }, redis: 0, messages: 0 };
    expect(broken(fair({ profile: "flood", costs }))).toEqual([]);
    costs.attacker.calls["PRODUCT.hold"] = 1;
    expect(broken(fair({ profile: "flood", costs }))).toEqual([
      "flood: Forged requests got no further than the edge's copy of the product",
    ]);
  });

  it("is told in one table, on beside off", () => {
    const told = formatAttack([judgeAttack(fair()), judgeAttack(fair({ defences: "off" }))], 7);
    expect(told).toContain("Seed 7");
    expect(told.split("\n").filter((line) => /^ {2}botnet +(?:on|off) /.test(line))).toHaveLength(2);
    expect(told).toContain("every promise was kept");
  });
});
