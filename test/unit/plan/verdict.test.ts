import { describe, expect, it } from "vitest";
import { readCosts } from "../../../scripts/plan/costs.ts";
import { planDocument } from "../../../scripts/plan/document.ts";
import { formatExplanation } from "../../../scripts/plan/explain.ts";
import { makePlan, type Plan } from "../../../scripts/plan/make-plan.ts";
import { formatPlan } from "../../../scripts/plan/report.ts";
import { plannedSale, RULES } from "./planned-sale.ts";

const NOW = Date.UTC(2026, 10, 22);

function planOf(changes: Parameters<typeof plannedSale>[0], rules = RULES): Plan {
  return makePlan(plannedSale(changes), rules, readCosts(), NOW);
}

describe("judge", () => {
  it("a small sale: one object is enough, and nothing warns", () => {
    const { verdict } = planOf({ crowd: { payShare: 1, cancelShare: 0 } });
    expect(verdict.answer).toMatch(/^One object is enough: [\d,]+ of about 1,000 calls\/s at the peak$/);
    expect(verdict).toMatchObject({ isEnough: true, warnings: [], productObjects: 1 });
  });

  it("a crowd with a unit for everybody: one object is not, and it says how many are", () => {
    const { verdict } = planOf({ crowd: { buyers: 30_000 }, round: { stock: 30_000 } });
    expect(verdict.answer).toMatch(/^One object is not enough: /);
    expect(verdict.isEnough).toBe(false);
    expect(verdict.productObjects).toBeGreaterThan(2);
    expect(verdict.warnings[0]).toMatch(/^Product object: /);
  });

  it("as many objects as it says are enough, when limiters are", () => {
    const changes = { crowd: { buyers: 30_000 }, round: { stock: 30_000 } } as const;
    const shards = planOf(changes).verdict.productObjects ?? 0;
    const rules = { ...RULES, limiterShards: 64 };
    expect(planOf({ ...changes, places: { shards } }, rules).verdict.answer).toMatch(/objects are enough/);
  });

  it("too few limiter objects: it says how many there must be", () => {
    const rules = { ...RULES, limiterShards: 1 };
    const { verdict } = planOf({ crowd: { buyers: 30_000 } }, rules);
    expect(verdict.warnings.join("\n")).toMatch(/Set LIMITS\.shards to \d+/);
    expect(verdict.limiterShards).toBeGreaterThan(1);
  });

  it("many isolates: their copies alone take the object", () => {
    const { verdict } = planOf({ crowd: { buyers: 50_000, stayMs: 10_000 }, places: { isolates: 2000 } });
    expect(verdict.warnings.join("\n")).toContain("Isolates: 2,000 of them");
    expect(verdict.productObjects).toBeNull();
  });

  it("units that nobody waits for any more are told", () => {
    const { verdict } = planOf({ crowd: { payShare: 0.5, cancelShare: 0 } });
    expect(verdict.warnings.join("\n")).toMatch(/units came back from holds that ended unpaid/);
  });
});

describe("formatPlan", () => {
  it("begins with the answer, ends with what nobody knows and where figures are from, and has the bill", () => {
    const plan = planOf({});
    const lines = formatPlan(plan).split("\n");
    expect(lines[2]).toBe(plan.verdict.answer);
    expect(lines.join("\n")).toContain("What this cannot know");
    expect(lines.join("\n")).toContain("measured-costs.json");
    for (const { item } of plan.bill.lines) expect(lines.some((line) => line.includes(item))).toBe(true);
  });

  it("--explain: every line of the bill by its formula and source", () => {
    const plan = planOf({});
    const text = formatExplanation(plan);
    for (const { item, formula, source } of plan.bill.lines) {
      expect(text).toContain(`${item}: ${formula} = `);
      expect(text).toContain(source);
    }
  });

  it("--json: counts, bill and verdict as data that JSON can carry", () => {
    const plan = planOf({});
    const document: unknown = JSON.parse(JSON.stringify(planDocument(plan)));
    expect(document).toMatchObject({
      verdict: { answer: plan.verdict.answer },
      counts: { held: { total: plan.done.tally.of("held") } },
      bill: { dollars: plan.bill.dollars },
    });
  });
});
