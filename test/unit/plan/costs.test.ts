import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { OWN_COSTS_PATH, parseMeasured, readCosts } from "../../../scripts/plan/costs.ts";
import { serviceTimes } from "../../../scripts/plan/simulation/service-times.ts";
import { compare, summarize } from "../../../scripts/plan/validate/compare.ts";
import { simulate } from "../../../scripts/plan/simulation/simulation.ts";
import { plannedSale, RULES, TIMES } from "./planned-sale.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-costs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileWith(name: string, document: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof document === "string" ? document : JSON.stringify(document));
  return path;
}

const NO_BENCH = join(folder, "none.json");
const own: Readonly<Record<string, unknown>> = JSON.parse(readFileSync(OWN_COSTS_PATH, "utf8"));

describe("readCosts", () => {
  it("the committed costs are whole, and say when, where and how they were measured", () => {
    expect(parseMeasured(own)).toEqual(own);
    const { sources } = readCosts(OWN_COSTS_PATH, NO_BENCH);
    expect(sources).toHaveLength(1);
    expect(sources[0]).toMatch(/measured-costs\.json: \d{4}-.*cores, by npm run plan/);
  });

  it("the bench's figures come first where they mean the same", () => {
    const bench = fileWith("bench.json", {
      at: "2026-12-24T00:00:00Z",
      costs: { productRead: { cpuMicros: 321 }, hold: { cpuMicros: 5 } },
    });
    const costs = readCosts(OWN_COSTS_PATH, bench);
    expect(costs.costs.productRead.cpuMicros).toBe(321);
    expect(costs.costs.hold).toEqual(readCosts(OWN_COSTS_PATH, NO_BENCH).costs.hold);
    expect(costs.sources[1]).toMatch(/2026-12-24.* for productRead$/);
  });

  it.each([
    ["not JSON", "{", /broken-not JSON\.json/],
    ["without a cost", { ...own, costs: {} }, /costs\.\w+/],
    ["with a cost below nothing", { ...own, bytes: { order: -1, message: 1 } }, /bytes\.order/],
  ])("a file %s is refused by its name and key", (name, document, told) => {
    const path = fileWith(`broken-${name}.json`, document);
    expect(() => readCosts(path, NO_BENCH)).toThrow(told);
  });
});

describe("serviceTimes", () => {
  it("parts are no more than the whole, and none is below nothing", () => {
    const costs = readCosts(OWN_COSTS_PATH, NO_BENCH);
    const times = serviceTimes(costs, RULES);
    expect(times.worker.hold).toBeLessThanOrEqual(costs.costs.hold.cpuMicros / 1000);
    for (const value of [
      times.call,
      times.command,
      times.commit,
      times.acknowledgement,
      ...Object.values(times.worker),
    ]) {
      expect(value).toBeGreaterThan(0);
    }
    expect(times.commandsPerSecond).toBeCloseTo(1000 / (times.call + times.command + times.commit / 512), 6);
  });
});

describe("compare", () => {
  it("says how far off each prediction is, and where there is none", () => {
    const sale = plannedSale();
    const simulated = simulate(sale, RULES, TIMES);
    const latencies = { p50: 1, p95: 2, p99: 3 };
    const played = {
      productReads: 1000,
      tokens: 10,
      tokensRefused: 0,
      checkouts: 10,
      held: 100,
      paid: 5,
      expired: 1,
      soldOutAtMs: null,
      tokenMs: latencies,
      checkoutMs: latencies,
      calls: { "PRODUCT.hold": 400 },
      messages: 1,
      rowsWritten: 1,
      unexpected: 0,
    };
    const costs = readCosts(OWN_COSTS_PATH, NO_BENCH);
    const compared = compare({ simulated, played, costs });
    const of = (what: string) => compared.find((each) => each.what === what);
    expect(of("product read at the edge")).toMatchObject({ predicted: 2000, measured: 1000, error: 1 });
    expect(of("orders held")?.error).toBeCloseTo((simulated.tally.of("held") - 100) / 100, 9);
    expect(of("nothing left")).toMatchObject({ measured: null, error: null });
    const errors = [
      { what: "", unit: "", predicted: 30, measured: 40, error: -0.25 },
      { what: "too few", unit: "", predicted: 1, measured: 4, error: -0.75 },
      { what: "another unit", unit: "ms", predicted: 1, measured: 40, error: -0.975 },
    ];
    expect(summarize(errors, "")).toEqual({ median: 0.25, most: 0.25 });
  });
});
