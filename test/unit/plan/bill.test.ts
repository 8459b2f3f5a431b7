/** Against the examples that Cloudflare's own price pages calculate. */
import { describe, expect, it } from "vitest";
import { billOf, LOG_EVENT_BYTES } from "../../../scripts/plan/bill.ts";
import { type Costs, METERED, PARTS, REQUESTS } from "../../../scripts/plan/costs.ts";
import { LOG_PRICE_CHANGE, PLAN } from "../../../scripts/plan/platform.ts";
import type { SimulatedSale } from "../../../scripts/plan/simulation/simulation.ts";
import { type Counted, Tally } from "../../../scripts/plan/simulation/tally.ts";
import { type Usage, usageOf } from "../../../scripts/plan/usage.ts";
import { plannedSale, RULES } from "./planned-sale.ts";

const NOTHING = { amount: 0, formula: "" };
const UNUSED: Usage = {
  workerRequests: NOTHING,
  workerCpuMs: NOTHING,
  objectRequests: NOTHING,
  objectGigabyteSeconds: NOTHING,
  rowsRead: NOTHING,
  rowsWritten: NOTHING,
  storedGigabytes: NOTHING,
  queueOperations: NOTHING,
  logEvents: NOTHING,
};
const BEFORE = LOG_PRICE_CHANGE - 1;

function used(amounts: Partial<Record<keyof Usage, number>>): Usage {
  const metered = Object.entries(amounts).map(([name, amount]) => [name, { amount, formula: "" }]);
  return { ...UNUSED, ...Object.fromEntries(metered) };
}

describe("billOf", () => {
  it("nothing used: the plan alone", () => {
    expect(billOf(UNUSED, BEFORE)).toMatchObject({ dollars: PLAN.dollars, dollarsBeyond: 0 });
  });

  it("Workers pricing, example 4: 100 million requests of 7 ms are $45.40", () => {
    const bill = billOf(used({ workerRequests: 100e6, workerCpuMs: 700e6 }), BEFORE);
    expect(bill.dollars).toBeCloseTo(45.4, 9);
  });

  it("Durable Objects pricing, example 1: 1.5 million requests and 128,000 GB-s, before its rounding up", () => {
    const bill = billOf(used({ objectRequests: 1.5e6, objectGigabyteSeconds: 128_000 }), BEFORE);
    expect(bill.dollars).toBeCloseTo(PLAN.dollars + 0.075, 9);
  });

  it("Durable Objects pricing, example 3: 32,777,600 GB-s beyond the included ones, before its rounding up", () => {
    const bill = billOf(used({ objectGigabyteSeconds: 33_177_600 }), BEFORE);
    expect(bill.dollars - PLAN.dollars).toBeCloseTo(32_777_600 * 12.5e-6, 9);
  });

  it("Queues pricing: a million messages a day for a month are $35.60", () => {
    expect(billOf(used({ queueOperations: 90e6 }), BEFORE).dollars).toBeCloseTo(PLAN.dollars + 35.6, 9);
  });

  it("on top: what is included counts nothing", () => {
    expect(billOf(used({ rowsWritten: 2e6 }), BEFORE)).toMatchObject({ dollars: PLAN.dollars, dollarsBeyond: 2 });
  });

  it("logs: by events until December 2026, by volume from then on", () => {
    const events = 100e6;
    const before = billOf(used({ logEvents: events }), BEFORE).lines.at(-1);
    const after = billOf(used({ logEvents: events }), LOG_PRICE_CHANGE).lines.at(-1);
    expect(before).toMatchObject({ unit: "events", dollars: 80 * 0.6 });
    expect(after?.unit).toBe("GB");
    expect(after?.dollars).toBeCloseTo(((events * LOG_EVENT_BYTES) / 1e9 - 50) * 0.25, 9);
  });

  it("every line has a source and the day on which it was read", () => {
    for (const { source, read } of billOf(UNUSED, BEFORE).lines) {
      expect(source).toMatch(/^https:\/\/developers\.cloudflare\.com\//);
      expect(read).toMatch(/^\d{4}-\d\d-\d\d$/);
    }
  });
});

/** A sale that was counted beforehand, with round costs, so that every line can be worked out on paper. */
describe("usageOf and billOf, line by line", () => {
  const COUNTS: Partial<Record<Counted, number>> = {
    timeRead: 4_000_000,
    productRead: 2_000_000,
    refusalAtEdge: 500_000,
    checkoutRefused: 100_000,
    tokenIssue: 1_000_000,
    hold: 400_000,
    payment: 250_000,
    cancel: 10_000,
    orderRead: 600_000,
    holdCall: 400_000,
    viewCall: 900_000,
    orderCall: 600_000,
    payCall: 250_000,
    cancelCall: 10_000,
    acknowledgeCall: 20_000,
    alarmCall: 5000,
    commits: 150_000,
    changingCommits: 100_000,
    clientTake: 1_000_000,
    buyerTake: 1_000_000,
    snapshotCall: 60_000,
    events: 640_000,
    messages: 100_000,
    batches: 20_000,
    held: 300_000,
    paid: 250_000,
    cancelled: 10_000,
    expired: 40_000,
  };
  const CPU_MS: Readonly<Record<string, number>> = {
    timeRead: 0.1,
    productRead: 0.1,
    refusalAtEdge: 0.1,
    checkoutRefused: 0.2,
    tokenIssue: 1,
    hold: 0.5,
    payment: 0.6,
    orderRead: 0.5,
    archivedRead: 2,
    writerBatch: 8,
    writerEvent: 0.05,
  };
  const ROWS: Readonly<Record<(typeof METERED)[number], { read: number; written: number }>> = {
    hold: { read: 5, written: 7 },
    payment: { read: 15, written: 10 },
    expiry: { read: 11, written: 8 },
    commit: { read: 1, written: 2 },
    acknowledge: { read: 5, written: 0 },
    leave: { read: 10, written: 4 },
    limiterTake: { read: 0, written: 4 },
  };

  function bill() {
    const tally = new Tally();
    for (const [what, count] of Object.entries(COUNTS)) tally.add(what as Counted, 0, count);
    const latencies = { p50: 0, p95: 0, p99: 0 };
    const done: SimulatedSale = {
      tally,
      soldOutAtMs: null,
      allPaidAtMs: null,
      endsAtMs: 100_000,
      units: { paid: 250_000, held: 0, available: 0 },
      tokenMs: latencies,
      checkoutMs: latencies,
      deliveredMs: latencies,
      mostWaiting: 0,
      longestWaitMs: 0,
      limiterPeakPerSecond: 0,
      eventsSimulated: 0,
    };
    const measured = [...REQUESTS, ...PARTS].map((name) => {
      const cpuMicros = 1000 * (CPU_MS[name] ?? 0);
      return [name, { cpuMicros, wallMicros: cpuMicros, restedMicros: cpuMicros, rested95Micros: cpuMicros }];
    });
    const costs: Costs = {
      machine: {},
      sources: [],
      costs: Object.fromEntries(measured) as Costs["costs"],
      rows: ROWS,
      bytes: { order: 1000, event: 500 },
    };
    const usage = usageOf(plannedSale({ crowd: { laterShare: 0.1 } }), done, costs, { ...RULES, logged: 0.5 });
    return billOf(usage, BEFORE);
  }

  it.each([
    // 8,860,000 requests, 20,000 batches, 30,000 looks at orders that had left: below the ten million of the plan.
    ["Workers requests", 8_910_000, 0, 2.673],
    // 400 + 200 + 50 + 20 + 1,000 + 200 + 156 + 300 s, 60 s of the looks; the writer 160 + 32 s.
    ["Workers CPU", 2_578_000, 0, 0.051_56],
    // 2,185,000 of the product, 2,000,000 of limiters, 60,000 of control, 300,000 alarms, 30,000 looks; a million is included.
    ["Durable Object requests", 4_575_000, 0.536_25, 0.686_25],
    // One product, four limiters each for addresses and buyers, control: ten for 100 s, and the product's once more.
    ["Durable Object duration", 140.8, 0, 0.001_76],
    // 1.5 + 3.9 + 0.44 + 0.1 + 3.2 + 3 million.
    ["SQLite rows read", 12_140_000, 0, 0.012_14],
    // 2.1 + 2.6 + 0.32 + 0.2 + 0 + 8 + 1.2 + 0.3 million.
    ["SQLite rows written", 14_720_000, 0, 14.72],
    ["SQLite stored data", 0.3, 0, 0.06],
    ["Queues operations", 300_000, 0, 0.12],
    ["Hyperdrive", 0, 0, 0],
    // Half of 8,910,000 and 4,575,000 invocations.
    ["Workers Logs", 6_742_500, 0, 4.0455],
  ])("%s: %d, $%d alone, $%d on top", (item, amount, dollars, dollarsBeyond) => {
    const line = bill().lines.find((each) => each.item === item);
    expect(line?.amount).toBeCloseTo(amount, 6);
    expect(line?.dollars).toBeCloseTo(dollars, 9);
    expect(line?.dollarsBeyond).toBeCloseTo(dollarsBeyond, 9);
  });

  it("together: the plan and the lines, nothing twice", () => {
    const { lines, dollars, dollarsBeyond } = bill();
    expect(lines).toHaveLength(10);
    expect(dollars).toBeCloseTo(5.536_25, 9);
    expect(dollarsBeyond).toBeCloseTo(22.370_21, 9);
  });
});
