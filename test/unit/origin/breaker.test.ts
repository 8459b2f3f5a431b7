import { describe, expect, it } from "vitest";
import { CLOSED_BREAKER, decideBreaker, decidePause } from "../../../src/origin/writer/breaker.ts";

const CONFIG = { breakerFailures: 3, breakerPauseMs: 10_000 };
const NOW = 1_000_000;

function fail(times: number) {
  return Array.from({ length: times }).reduce<typeof CLOSED_BREAKER>(
    (state) => decideBreaker(state, false, CONFIG, NOW),
    CLOSED_BREAKER,
  );
}

describe("decideBreaker", () => {
  it("F6: leaves Postgres alone after so many failures in a row, not before", () => {
    expect(decidePause(fail(2), NOW)).toBe(0);
    expect(decidePause(fail(3), NOW)).toBe(10_000);
  });

  it("tries again when the pause is over, and pauses again after one more failure", () => {
    expect(decidePause(fail(3), NOW + 9999)).toBe(1);
    expect(decidePause(fail(3), NOW + 10_000)).toBe(0);
    const again = decideBreaker(fail(3), false, CONFIG, NOW + 10_000);
    expect(decidePause(again, NOW + 10_000)).toBe(10_000);
  });

  it("forgets all failures after one success", () => {
    expect(decideBreaker(fail(3), true, CONFIG, NOW)).toEqual(CLOSED_BREAKER);
  });
});
