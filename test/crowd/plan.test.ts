/** `npm run plan -- --measure`, with the fewest calls: every operation is answered as expected. Never how long it takes. */
import { beforeAll, describe, expect, it } from "vitest";
import { METERED, type Measured, PARTS, REQUESTS } from "../../scripts/plan/costs.ts";
import { measureCosts } from "../../scripts/plan/measure/measure.ts";
import { QUICK } from "../../scripts/plan/measure/sizes.ts";
import { createRunDatabase } from "../support/node/run-database.ts";

describe("measureCosts", () => {
  let measured: Measured;
  const steps: string[] = [];

  beforeAll(async () => {
    const databaseUrl = await createRunDatabase("plan_costs");
    measured = await measureCosts({ tell: (line) => steps.push(line), sizes: QUICK, databaseUrl });
  }, 120_000);

  it("does everything that costs are wanted of, and is answered as expected", () => {
    for (const kind of REQUESTS) expect(steps).toContain(`measuring ${kind}`);
    expect(Object.keys(measured.costs).toSorted()).toEqual([...REQUESTS, ...PARTS].toSorted());
    const untimed = REQUESTS.filter(
      (kind) => Math.min(measured.costs[kind].wallMicros, measured.costs[kind].restedMicros) <= 0,
    );
    expect(untimed).toEqual([]);
  });

  it("counts rows where rows are written: of orders, payments, ends, counts, and of orders that leave", () => {
    const written = METERED.filter((name) => measured.rows[name].written > 0);
    expect(written).toEqual(expect.arrayContaining(["hold", "payment", "expiry", "leave", "limiterTake"]));
    expect(measured.rows.acknowledge.written).toBeGreaterThanOrEqual(0);
    expect(measured.bytes.event).toBeGreaterThan(100);
  });
});
