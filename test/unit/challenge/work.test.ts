import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addRequest, NO_PRESSURE, type Pressure, pressureAt } from "../../../src/challenge/pressure.ts";
import { decideCounter, decideTrials } from "../../../src/challenge/work.ts";

const BOUNDS = { trialsLeast: 300, trialsMost: 3000, fullPressurePerSecond: 100, harderFactor: 4 };

/** A steady stream for ten seconds. */
function stream(perSecond: number): Pressure {
  let pressure = NO_PRESSURE;
  for (let index = 1; index <= perSecond * 10; index += 1) {
    pressure = addRequest(pressure, 1_000_000 + (index * 1000) / perSecond);
  }
  return pressure;
}

describe("decideTrials", () => {
  it.each([
    [0, false, 300],
    [50, false, 1650],
    [100, false, 3000],
    [1e9, false, 3000],
    [-1, false, 300],
    [0, true, 1200],
    [1e9, true, 12_000],
  ])("T11 at %d requests per second (harder: %s) asks for %d trials", (perSecond, harder, trials) => {
    expect(decideTrials(BOUNDS, perSecond, harder)).toBe(trials);
  });

  it("T11 never asks for less under more pressure", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        (one, more) => {
          expect(decideTrials(BOUNDS, one + more, false)).toBeGreaterThanOrEqual(decideTrials(BOUNDS, one, false));
        },
      ),
    );
  });
});

describe("decideCounter", () => {
  it("lies between half of the trials and all of them, whatever the draw", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (trials, random) => {
          const counter = decideCounter(trials, random);
          expect(counter).toBeGreaterThanOrEqual(trials / 2);
          expect(counter).toBeLessThanOrEqual(trials);
        },
      ),
    );
  });
});

describe("pressure", () => {
  it.each([1, 20, 500])("settles at %d for so many requests a second", (perSecond) => {
    const pressure = stream(perSecond);
    expect(pressureAt(pressure, pressure.at) / perSecond).toBeGreaterThan(0.8);
    expect(pressureAt(pressure, pressure.at) / perSecond).toBeLessThan(1.2);
  });

  it("is forgotten when nothing comes", () => {
    const pressure = stream(500);
    expect(pressureAt(pressure, pressure.at + 60_000)).toBeLessThan(0.01);
  });

  it("F10 is bounded when the clock goes back", () => {
    const pressure = stream(20);
    const after = addRequest(pressure, pressure.at - 3_600_000);
    expect(after.at).toBe(pressure.at);
    expect(after.perSecond).toBeLessThan(pressure.perSecond + 1);
  });
});
