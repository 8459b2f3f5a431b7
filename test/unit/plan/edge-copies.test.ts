import { describe, expect, it } from "vitest";
import { EdgeCopies } from "../../../scripts/plan/simulation/edge-copies.ts";

const OPEN = { available: 3, held: 0, nextReleaseAt: Number.POSITIVE_INFINITY };
const HELD_OUT = { available: 0, held: 2, nextReleaseAt: 5000 };
const SOLD_OUT = { available: 0, held: 0, nextReleaseAt: Number.POSITIVE_INFINITY };

function copyWith(view: typeof OPEN, askedAt = 0): EdgeCopies {
  const copies = new EdgeCopies(2, 1000);
  copies.keep(0, view, askedAt);
  return copies;
}

describe("EdgeCopies", () => {
  it("is fetched at half its age by one request, and at its full age by whoever comes", () => {
    const copies = copyWith(OPEN);
    expect([copies.meet(0, 499), copies.meet(0, 500), copies.meet(0, 501)]).toEqual(["fresh", "refresh", "fresh"]);
    expect(copies.meet(0, 1000)).toBe("too-old");
  });

  it("asks anew once after it was told to forget", () => {
    const copies = copyWith(OPEN);
    copies.forget(0);
    expect([copies.meet(0, 10), copies.meet(0, 10)]).toEqual(["too-old", "fresh"]);
  });

  it("refuses what it knows to be gone, until the first hold ends", () => {
    expect(copyWith(SOLD_OUT).decide(0, 10)).toBe("sold-out");
    expect(copyWith(HELD_OUT, 4500).decide(0, 4999)).toBe("held-out");
    expect(copyWith(HELD_OUT, 4500).decide(0, 5000)).toBe("ask");
    expect(copyWith(HELD_OUT, 4500).meet(0, 5000)).toBe("too-old");
    expect(copyWith(OPEN).decide(1, 10)).toBe("ask");
  });

  it("knows the share of copies that say yes", () => {
    const copies = copyWith(OPEN);
    expect(copies.openShare).toBe(0.5);
    copies.keep(0, SOLD_OUT, 10);
    expect(copies.openShare).toBe(0);
  });
});
