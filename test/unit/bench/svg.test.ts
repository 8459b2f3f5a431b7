import { describe, expect, it } from "vitest";
import { drawCharts } from "../../../bench/plot/svg.ts";

const BAR = { label: "hold / no-op", value: 0.5, low: 0.4, high: 0.7, target: 1, kept: false };

/** The width of the first bar. */
function widthOf(svg: string): number {
  return Number(/<rect[^>]* width="([\d.]+)"/.exec(svg)?.[1]);
}

function widthAt(value: number): number {
  return widthOf(drawCharts([{ title: "T", subtitle: "S", bars: [{ ...BAR, value }] }]));
}

describe("drawCharts", () => {
  it("draws a bar in proportion to its value", () => {
    expect(widthAt(1) / widthAt(0.5)).toBeCloseTo(2, 1);
  });

  it("says whether a target is kept by the bar's look", () => {
    expect(drawCharts([{ title: "T", subtitle: "S", bars: [BAR] }])).toContain('<rect class="missed"');
    const kept = { ...BAR, value: 1.1, kept: true };
    expect(drawCharts([{ title: "T", subtitle: "S", bars: [kept] }])).toContain('<rect class="kept"');
  });

  it("marks the floor where there is one", () => {
    expect(drawCharts([{ title: "T", subtitle: "S", bars: [BAR] }])).not.toContain('<path class="floor"');
    const marked = drawCharts([{ title: "T", subtitle: "S", bars: [{ ...BAR, floor: 1 }] }]);
    // The diamond's top is where the line of a target of 1 begins.
    const [, left] = /<path class="floor" d="M([\d.]+) /.exec(marked) ?? [];
    const [, target] = /<line class="target" x1="([\d.]+)"/.exec(marked) ?? [];
    expect(left).toBe(target);
  });

  it("keeps a bar that is far longer than all others within the picture, and its figure true", () => {
    const svg = drawCharts([{ title: "T", subtitle: "S", bars: [{ ...BAR, value: 40, low: 38, high: 44 }] }]);
    expect(widthOf(svg)).toBeLessThanOrEqual(410);
    expect(svg).toContain(">40.00<");
  });

  it("escapes what it is told", () => {
    const svg = drawCharts([{ title: "a < b & c", subtitle: "S", bars: [BAR] }]);
    expect(svg).toContain("a &lt; b &amp; c");
  });
});
