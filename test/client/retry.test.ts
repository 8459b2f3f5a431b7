import { describe, expect, test } from "vitest";
import { decideRetry, MOST_REPEATS } from "../../client/retry.ts";
import { refusal } from "./documents.ts";

const NOW = 1_000_000;

describe("decideRetry", () => {
  test("repeats a lost answer, each time after a longer wait, and not for ever", () => {
    const waits = [0, 1, 2, 3].map((repeats) => decideRetry(refusal("network"), repeats, NOW, 1));
    expect(waits).toEqual([300, 900, 2_700, 8_100]);
    expect(decideRetry(refusal("network"), MOST_REPEATS, NOW, 1)).toBeUndefined();
  });

  test("spreads the wait over half of it", () => {
    expect(decideRetry(refusal("network"), 0, NOW, 0)).toBe(150);
  });

  test("never comes back before Retry-After", () => {
    for (const random of [0, 0.5, 0.999]) {
      const wait = decideRetry(refusal("overloaded", { retryAfterMs: 2_000 }), 0, NOW, random);
      expect(wait).toBeGreaterThanOrEqual(2_000);
    }
  });

  test("tells the buyer rather than wait for a long Retry-After", () => {
    expect(decideRetry(refusal("overloaded", { retryAfterMs: 30_000 }), 0, NOW, 0)).toBeUndefined();
  });

  test("repeats a fault of the gateway, and not an answer that will not change", () => {
    expect(decideRetry(refusal("unexpected", { httpStatus: 502 }), 0, NOW, 0)).toBeGreaterThan(0);
    expect(decideRetry(refusal("unexpected", { httpStatus: 200 }), 0, NOW, 0)).toBeUndefined();
  });

  test("waits for an opening that is a hair away, by opensAt", () => {
    const early = refusal("too-early", { opensAt: NOW + 40, retryAfterMs: 1_000 });
    expect(decideRetry(early, 0, NOW, 0)).toBe(40);
    expect(decideRetry(early, 0, NOW, 0.5)).toBe(100);
  });

  test("does not wait for an opening that is further away, or unknown", () => {
    expect(decideRetry(refusal("too-early", { opensAt: NOW + 60_000 }), 0, NOW, 0)).toBeUndefined();
    expect(decideRetry(refusal("too-early"), 0, NOW, 0)).toBeUndefined();
  });

  test.each([
    "sold-out",
    "round-closed",
    "held-out",
    "buyer-limit",
    "rate-limited",
    "paused",
    "token-invalid",
  ] as const)("does not repeat %s", (code) => {
    expect(decideRetry(refusal(code, { retryAfterMs: 1_000 }), 0, NOW, 0)).toBeUndefined();
  });
});
