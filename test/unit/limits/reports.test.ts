/** What the operator is told of the policies: counters, not a line per request. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Counted, LimitReports } from "../../../src/limits/reports.ts";

const NOW = 1_795_304_393_649;
const ENFORCED = { name: "a", mode: "enforce" };
const SHADOW = { name: "b", mode: "shadow" };

afterEach(() => {
  vi.restoreAllMocks();
});

function lines(spy: { mock: { calls: readonly (readonly unknown[])[] } }): unknown[] {
  return spy.mock.calls.map(([line]) => JSON.parse(String(line)) as unknown);
}

function pass(used: number | null, policy = ENFORCED): Counted {
  return { policy, says: "pass", used };
}

describe("LimitReports", () => {
  it("tells one line per policy after ten seconds, and begins anew", () => {
    const log = vi.spyOn(console, "info").mockReturnValue();
    const reports = new LimitReports();
    for (let request = 0; request < 1000; request += 1) reports.count([pass(0.1), pass(0.1, SHADOW)], NOW + request);
    reports.count([{ policy: ENFORCED, says: "limited", used: 1 }], NOW + 2000);
    reports.count([{ policy: SHADOW, says: "limited", used: 1 }], NOW + 9999);
    expect(lines(log)).toEqual([]);
    reports.count([pass(0.8)], NOW + 10_000);
    const line = { level: "info", event: "limit-report", seconds: 10 };
    expect(lines(log)).toEqual([
      { ...line, policy: "a", passed: 1001, refused: 1, wouldRefuse: 0, nearLimit: 1 },
      { ...line, policy: "b", passed: 1000, refused: 0, wouldRefuse: 1, nearLimit: 0 },
    ]);
    reports.count([pass(0.1)], NOW + 19_999);
    expect(lines(log)).toHaveLength(2);
    reports.count([pass(0.1)], NOW + 20_000);
    expect(lines(log)).toHaveLength(3);
    expect(lines(log)[2]).toMatchObject({ policy: "a", passed: 2, nearLimit: 0 });
  });

  it("calls near the limit what has used 80 % of it, where that is known", () => {
    const log = vi.spyOn(console, "info").mockReturnValue();
    const reports = new LimitReports();
    reports.count([pass(0.79), pass(0.8), pass(1), pass(null)], NOW);
    reports.count([], NOW + 10_000);
    expect(lines(log)).toMatchObject([{ passed: 4, nearLimit: 2 }]);
  });

  it("counts what no store decided for neither side", () => {
    const log = vi.spyOn(console, "info").mockReturnValue();
    const reports = new LimitReports();
    reports.count([{ policy: ENFORCED, says: "unavailable", used: null }], NOW);
    reports.count([], NOW + 10_000);
    expect(lines(log)).toMatchObject([{ passed: 0, refused: 0, wouldRefuse: 0 }]);
  });
});
