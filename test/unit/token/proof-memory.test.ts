import { describe, expect, it } from "vitest";
import { ProofMemory } from "../../../src/token/proof-memory.ts";

const JKT = "k".repeat(43);

describe("ProofMemory", () => {
  it("T6 takes a proof once until it would be too old anyway", () => {
    const memory = new ProofMemory();
    expect(memory.take(JKT, "jti-1", 100, 50)).toBe(true);
    expect(memory.take(JKT, "jti-1", 100, 99)).toBe(false);
    expect(memory.take(JKT, "jti-2", 100, 99)).toBe(true);
    expect(memory.take("o".repeat(43), "jti-1", 100, 99)).toBe(true);
    expect(memory.take(JKT, "jti-1", 200, 100)).toBe(true);
  });

  it("T15 is bounded: the oldest are forgotten first", () => {
    const memory = new ProofMemory(2);
    for (const jti of ["jti-1", "jti-2", "jti-3"]) expect(memory.take(JKT, jti, 100, 0)).toBe(true);
    expect(memory.take(JKT, "jti-3", 100, 0)).toBe(false);
    expect(memory.take(JKT, "jti-2", 100, 0)).toBe(false);
    expect(memory.take(JKT, "jti-1", 100, 0)).toBe(true);
  });
});
