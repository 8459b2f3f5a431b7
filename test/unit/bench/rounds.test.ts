import { describe, expect, it } from "vitest";
import { between, type Subject } from "../../../bench/rounds.ts";

function subject(name: string): Subject {
  return { name, prepare: () => Promise.reject(new Error("Nothing is measured here")) };
}

describe("between", () => {
  const [bare, refusal] = [subject("bare"), subject("refusal")];
  const [a, b, c] = [subject("a"), subject("b"), subject("c")];

  it("has the baselines before the first, after the last, and after each few", () => {
    const list = between([bare, refusal], [a, b, c], 2);
    expect(list).toEqual([bare, refusal, a, b, bare, refusal, c, bare, refusal]);
  });

  it("has them once at the end where the few end there", () => {
    expect(between([bare], [a, b], 2)).toEqual([bare, a, b, bare]);
  });
});
