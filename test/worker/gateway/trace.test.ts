import { describe, expect, it } from "vitest";
import { continueTrace } from "../../../src/trace.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const MADE = /^00-([0-9a-f]{32})-([0-9a-f]{16})-00$/;

describe("continueTrace()", () => {
  it("carries a trace on with a span of its own, and keeps its flags", () => {
    const [version, trace, span, flags] = continueTrace(`00-${TRACE}-${SPAN}-01`).split("-");
    expect([version, trace, flags]).toEqual(["00", TRACE, "01"]);
    expect(span).toMatch(/^[0-9a-f]{16}$/);
    expect(span).not.toBe(SPAN);
  });

  it.each([
    undefined,
    "",
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `01-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
  ])("begins a trace where it is told %j", (received) => {
    expect(continueTrace(received)).toMatch(MADE);
    expect(continueTrace(received)).not.toContain(TRACE);
  });

  it("makes every id once", () => {
    const ids = Array.from({ length: 100 }, () => MADE.exec(continueTrace(undefined)));
    expect(new Set(ids.map((id) => id?.[1])).size).toBe(100);
    expect(new Set(ids.map((id) => id?.[2])).size).toBe(100);
  });
});
