import { describe, expect, it } from "vitest";
import { decideResend, RESEND_AFTER_MS } from "../../../durable-objects/product/outbox.ts";
import { NOW } from "./round-fixture.ts";

describe("decideResend", () => {
  it.each([
    [1, 5000],
    [2, 10_000],
    [3, 20_000],
    [4, 40_000],
    [5, 80_000],
    [6, 160_000],
    [7, 300_000],
    [8, 300_000],
    [1000, 300_000],
    [10_000, 300_000],
  ])("after %d sendings: %d ms later", (attempts, wait) => {
    expect(decideResend(attempts, NOW)).toBe(NOW + wait);
  });

  it("begins with the wait that a first sending has", () => {
    expect(decideResend(1, 0)).toBe(RESEND_AFTER_MS);
  });
});
