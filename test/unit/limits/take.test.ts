/** Several limits at once: all are checked before any is taken of. */
import { describe, expect, it } from "vitest";
import type { TakeCheck } from "../../../durable-objects/limiter/protocol.ts";
import { decideTake } from "../../../durable-objects/limiter/take.ts";

const NOW = 1_795_304_393_649;
const WIDE: TakeCheck = {
  policy: "wide",
  algorithm: "sliding-log",
  key: "k",
  limit: 5,
  burst: 5,
  windowMs: 1000,
  cost: 1,
  shadow: false,
};
const NARROW: TakeCheck = { ...WIDE, policy: "narrow", limit: 1, burst: 1 };
const TAKEN = [NOW - 400];

describe("decideTake()", () => {
  it("takes one unit of each", () => {
    const { answer, changed } = decideTake([WIDE, NARROW], [TAKEN, []], NOW);
    expect(answer).toEqual({
      taken: true,
      answers: [
        { allowed: true, remaining: 3, waitMs: 600, takenAt: NOW },
        { allowed: true, remaining: 0, waitMs: 1000, takenAt: NOW },
      ],
    });
    expect(changed).toEqual([
      { check: WIDE, count: [NOW - 400, NOW] },
      { check: NARROW, count: [NOW] },
    ]);
  });

  it.each([0, 1])("takes nothing when one refuses, wherever it stands", (order) => {
    const checks = order === 0 ? [WIDE, NARROW] : [NARROW, WIDE];
    const { answer, changed } = decideTake(checks, [TAKEN, TAKEN], NOW);
    expect(changed).toEqual([]);
    expect(answer.taken).toBe(false);
    expect(answer.answers[order]).toEqual({ allowed: true, remaining: 4, waitMs: 600, takenAt: null });
    expect(answer.answers[1 - order]).toEqual({ allowed: false, remaining: 0, waitMs: 600, takenAt: null });
  });

  it("tells of an untouched limit that everything is there", () => {
    const { answer } = decideTake([WIDE, NARROW], [[], TAKEN], NOW);
    expect(answer.answers[0]).toEqual({ allowed: true, remaining: 5, waitMs: 0, takenAt: null });
  });

  it("lets a shadow refuse without being in the way", () => {
    const { answer, changed } = decideTake([WIDE, { ...NARROW, shadow: true }], [[], TAKEN], NOW);
    expect(answer.taken).toBe(true);
    expect(answer.answers[1]).toEqual({ allowed: false, remaining: 0, waitMs: 600, takenAt: null });
    expect(changed).toEqual([{ check: WIDE, count: [NOW] }]);
  });

  it("takes nothing of a shadow when another limit refuses", () => {
    const { changed } = decideTake([NARROW, { ...WIDE, shadow: true }], [TAKEN, []], NOW);
    expect(changed).toEqual([]);
  });

  it("takes of shadows that belong together, or of none of them", () => {
    const mark = { ...NARROW, policy: "mark", shadow: true, together: "pair" };
    const log = { ...WIDE, policy: "log", shadow: true, together: "pair" };
    const fresh = decideTake([WIDE, mark, log], [[], [], TAKEN], NOW);
    expect(fresh.changed.map(({ check }) => check.policy)).toEqual(["wide", "mark", "log"]);
    expect(fresh.answer.answers[2]).toEqual({ allowed: true, remaining: 3, waitMs: 600, takenAt: NOW });
    const known = decideTake([WIDE, mark, log], [[], TAKEN, TAKEN], NOW);
    expect(known.changed.map(({ check }) => check.policy)).toEqual(["wide"]);
    expect(known.answer.answers[2]).toEqual({ allowed: true, remaining: 4, waitMs: 600, takenAt: null });
    const others = decideTake([mark, { ...log, together: "another pair" }], [TAKEN, []], NOW);
    expect(others.changed.map(({ check }) => check.policy)).toEqual(["log"]);
  });

  it("takes of no shadow where a limit refuses, whatever its company", () => {
    const mark = { ...WIDE, policy: "mark", shadow: true, together: "pair" };
    const { answer, changed } = decideTake([NARROW, mark], [TAKEN, []], NOW);
    expect(changed).toEqual([]);
    expect(answer.answers[1]).toEqual({ allowed: true, remaining: 5, waitMs: 0, takenAt: null });
  });
});
