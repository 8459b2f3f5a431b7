/** The planner repeats some constants of modules that only workerd or a browser can load: here they are held against these. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PROJECT } from "../../../scripts/gateway/wrangler-environment.ts";
import * as rules from "../../../scripts/plan/gateway-rules.ts";
import { PAGE_TIME_READS } from "../../../scripts/plan/options.ts";
import { orderPaceMs, productPaceMs } from "../../../scripts/plan/watching.ts";

/** The value of `const NAME = 1_000;` in a file of the project. */
function constantOf(file: string, name: string): number {
  const text = readFileSync(join(PROJECT, file), "utf8");
  const [, value = ""] = new RegExp(`const ${name} = ([\\d_.]+)`).exec(text) ?? [];
  return Number(value.replaceAll("_", ""));
}

describe("gateway-rules", () => {
  it.each([
    ["durable-objects/product/product-object.ts", "MAX_BATCH", rules.MAX_BATCH],
    ["durable-objects/product/product-object.ts", "MAX_WAITING", rules.MAX_WAITING],
    ["durable-objects/product/product-object.ts", "RUSH_BATCH", rules.RUSH_BATCH],
    ["durable-objects/product/product-object.ts", "RUSH_REST_MS", rules.RUSH_REST_MS],
    // The bench's floor of a hold rests as the gateway does, or it is none.
    ["bench/workers/floors/floor-ledger.ts", "RUSH_BATCH", rules.RUSH_BATCH],
    ["bench/workers/floors/floor-ledger.ts", "RUSH_REST_MS", rules.RUSH_REST_MS],
    ["durable-objects/product/ledger-batch.ts", "SWEEP_CHUNK", rules.SWEEP_CHUNK],
    ["durable-objects/product/tidy.ts", "STEP_ROWS", rules.TIDY_STEP_ROWS],
    ["durable-objects/product/outbox.ts", "RESEND_AFTER_MS", rules.RESEND_AFTER_MS],
    ["durable-objects/product/outbox.ts", "GATHER_MS", rules.GATHER_MS],
    ["src/origin/writer/apply-events.ts", "TRANSACTION_EVENTS", rules.TRANSACTION_EVENTS],
    ["durable-objects/limiter/limiter-object.ts", "WRITE_AFTER_MS", rules.LIMITER_FLUSH_MS],
    ["src/control/control-copy.ts", "COPY_AGE_MAX_MS", 2 * rules.CONTROL_REFRESH_MS],
    ["src/challenge/burn.ts", "SHARDS", rules.CHALLENGE_SHARDS],
    ["client/retry.ts", "MOST_REPEATS", rules.MOST_REPEATS],
    ["client/retry.ts", "FIRST_WAIT_MS", rules.FIRST_REPEAT_MS],
    ["client/retry.ts", "WAIT_GROWTH", rules.REPEAT_GROWTH],
    ["client/retry.ts", "JITTER_MS", rules.REPEAT_JITTER_MS],
    ["client/pace.ts", "BOUNDARY_JITTER_MS", rules.OPENING_JITTER_MS],
    ["client/clock.ts", "SAMPLES", PAGE_TIME_READS],
  ])("%s has %s as the planner has it", (file, name, value) => {
    expect(constantOf(file, name)).toBe(value);
  });

  it("reads wrangler.toml", () => {
    const read = rules.readGatewayRules();
    expect(read).toMatchObject({ clientTake: true, buyerTake: true, batch: { messages: 10, timeoutMs: 1000 } });
    expect(read.limiterShards).toBeGreaterThan(0);
    expect(read.copyMaxAgeMs).toBeLessThanOrEqual(1000);
  });

  it("pages look as often as the page's own rule says, each on average", () => {
    expect(productPaceMs("held-out")).toBeLessThan(productPaceMs("open"));
    expect(productPaceMs("open")).toBeLessThan(productPaceMs("sold-out"));
    expect(productPaceMs("upcoming")).toBeGreaterThan(10_000);
    expect(orderPaceMs()).toBeGreaterThan(1000);
  });
});
