import { describe, expect, it } from "vitest";
import { decideKind } from "../../../src/challenge/demand.ts";

describe("decideKind", () => {
  it.each([
    [[], "none", null],
    [[], "normal", null],
    [[], "harder", "pow"],
    [["pow"], "none", null],
    [["pow"], "normal", "pow"],
    [["pow", "quiz"], "normal", "pow"],
    [["pow", "quiz"], "harder", "quiz"],
    [["turnstile"], "harder", "turnstile"],
  ] as const)("of %j asks, where %s is demanded, for %s", (challenges, demand, kind) => {
    expect(decideKind(challenges, demand)).toBe(kind);
  });

  it.each(["none", "normal", "harder"] as const)("lets nobody through a kind it does not know (%s)", (demand) => {
    expect(() => decideKind(["pow", "riddle"], demand)).toThrow(TypeError);
  });
});
