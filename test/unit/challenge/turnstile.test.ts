import { describe, expect, it } from "vitest";
import { decideFault, type SiteverifyAnswer } from "../../../src/challenge/turnstile.ts";

const CONFIG = { hostnames: ["sale.shop.example", "shop.example"], action: "sluice-token" };
const GOOD: SiteverifyAnswer = { success: true, hostname: "shop.example", action: "sluice-token", cdata: "ticket-1" };

describe("decideFault", () => {
  it.each([
    [{}, null],
    [{ hostname: "sale.shop.example" }, null],
    [{ success: false }, "success"],
    [{ hostname: "evil.example" }, "hostname"],
    [{ hostname: "shop.example.evil.example" }, "hostname"],
    [{ hostname: undefined }, "hostname"],
    [{ hostname: "" }, "hostname"],
    [{ action: "login" }, "action"],
    [{ action: undefined }, "action"],
    [{ cdata: "ticket-2" }, "cdata"],
    [{ cdata: undefined }, "cdata"],
    [{ cdata: "" }, "cdata"],
  ])("T12 of a good answer with %j: %s", (change, fault) => {
    expect(decideFault({ ...GOOD, ...change }, CONFIG, "ticket-1")).toBe(fault);
  });
});
