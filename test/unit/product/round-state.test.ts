import { describe, expect, it } from "vitest";
import { decideRoundState, type RoundSituation, secondsUntil } from "../../../durable-objects/product/round-state.ts";
import { NOW } from "./round-fixture.ts";

const OPEN: RoundSituation = {
  opensAt: NOW - 1000,
  closesAt: NOW + 1000,
  paused: false,
  closed: false,
  available: 1,
  held: 1,
};

describe("decideRoundState", () => {
  it.each<[string, Partial<RoundSituation>, string]>([
    ["it has units", {}, "open"],
    ["it opens in a millisecond", { opensAt: NOW + 1 }, "upcoming"],
    ["it opens now", { opensAt: NOW }, "open"],
    ["it closes in a millisecond", { closesAt: NOW + 1 }, "open"],
    ["it closes now", { closesAt: NOW }, "closed"],
    ["it was closed", { closed: true }, "closed"],
    ["it was closed before it opened", { closed: true, opensAt: NOW + 1 }, "closed"],
    ["it is paused", { paused: true }, "paused"],
    ["it is paused and has nothing", { paused: true, available: 0, held: 0 }, "paused"],
    ["it is paused before it opens", { paused: true, opensAt: NOW + 1 }, "upcoming"],
    ["it is paused and over", { paused: true, closesAt: NOW }, "closed"],
    ["nothing is available, something is held", { available: 0 }, "held-out"],
    ["nothing is available nor held", { available: 0, held: 0 }, "sold-out"],
    ["nothing is available before it opens", { available: 0, held: 0, opensAt: NOW + 1 }, "upcoming"],
  ])("when %s: $2", (_name, changes, state) => {
    expect(decideRoundState({ ...OPEN, ...changes }, NOW)).toBe(state);
  });
});

describe("secondsUntil", () => {
  it.each([
    [-5000, 1],
    [0, 1],
    [1, 1],
    [1000, 1],
    [1001, 2],
    [59_999, 60],
  ])("%d ms: %d s", (ms, seconds) => {
    expect(secondsUntil(NOW + ms, NOW)).toBe(seconds);
  });

  it("never sends anybody back too early", () => {
    for (let ms = 1; ms < 5000; ms += 7)
      expect(NOW + secondsUntil(NOW + ms, NOW) * 1000).toBeGreaterThanOrEqual(NOW + ms);
  });
});
