import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideOrder, decideQuestion, isRight, type Question } from "../../../src/challenge/question.ts";

const both = (text: string) => ({ en: text, zh: text });
const CHOICE: Question = {
  id: "choice",
  question: both("Which?"),
  input: "choice",
  options: [both("a"), both("b"), both("c")],
  right: 2,
};
const TYPED: Question = { id: "typed", question: both("The code?"), input: "text", codes: ["Moon 42", "Mond 42"] };

describe("decideQuestion", () => {
  it("is decided by the digest, and every question comes", () => {
    const bank = Array.from({ length: 5 }, (_, index) => ({ ...CHOICE, id: String(index) }));
    const picked = Array.from({ length: 256 }, (_, byte) => decideQuestion(bank, Uint8Array.of(byte, 0, 0, 0)).id);
    expect(new Set(picked).size).toBe(5);
    expect(decideQuestion(bank, Uint8Array.of(255, 255, 255, 255)).id).toBe("4");
    expect(decideQuestion(bank, Uint8Array.of(7, 7, 7, 7))).toBe(decideQuestion(bank, Uint8Array.of(7, 7, 7, 7)));
  });

  it("needs a question", () => {
    expect(() => decideQuestion([], new Uint8Array(4))).toThrow(RangeError);
  });
});

describe("decideOrder", () => {
  it("has every place once, whatever the draw", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 8 }),
        (randoms) => {
          expect(decideOrder(randoms.length, randoms).toSorted((one, other) => one - other)).toEqual(
            randoms.map((_, place) => place),
          );
        },
      ),
    );
  });
});

describe("isRight", () => {
  it.each([
    [[0, 1, 2], 2, true],
    [[2, 1, 0], 0, true],
    [[2, 1, 0], 2, false],
    [[2, 1, 0], 3, false],
    [[2, 1, 0], "c", false],
    [[2, 1, 0], "0", false],
  ] as const)("for options shown as %j takes %j: %s", (order, answer, right) => {
    expect(isRight(CHOICE, order, answer)).toBe(right);
  });

  it.each([
    ["Moon 42", true],
    ["  moon42 ", true],
    ["ＭＯＯＮ４２", true],
    ["mond 42", true],
    ["moon 43", false],
    ["", false],
    [0, false],
  ])("for a typed code takes %j: %s", (answer, right) => {
    expect(isRight(TYPED, [], answer)).toBe(right);
  });
});
