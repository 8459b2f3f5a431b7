import { describe, expect, it } from "vitest";
import { decideRetryDelay } from "../../../src/origin/writer/retry-delay.ts";

describe("decideRetryDelay", () => {
  it("doubles from a second to a minute", () => {
    expect([1, 2, 3, 6, 7, 8, 100].map(decideRetryDelay)).toEqual([1, 2, 4, 32, 60, 60, 60]);
  });
});
