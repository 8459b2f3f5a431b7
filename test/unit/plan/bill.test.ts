/** Against the examples that Cloudflare's own price pages calculate. */
import { describe, expect, it } from "vitest";
import { billOf, LOG_EVENT_BYTES } from "../../../scripts/plan/bill.ts";
import { LOG_PRICE_CHANGE, PLAN } from "../../../scripts/plan/platform.ts";
import type { Usage } from "../../../scripts/plan/usage.ts";

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
