/** What the platform says of a connection: whatever is missing or odd is not known, and breaks nothing. */
import { describe, expect, it } from "vitest";
import { originOf } from "../../../src/limits/origin.ts";

describe("originOf()", () => {
  it("reads country, network and fingerprint", () => {
    const cf = {
      country: "CN",
      asn: 4134,
      botManagement: { ja4: "t13d1516h2_8daaf6152771_02713d6af862", ja3Hash: "x" },
    };
    expect(originOf(cf)).toEqual({ country: "CN", asn: "4134", fingerprint: "t13d1516h2_8daaf6152771_02713d6af862" });
  });

  it("takes JA3 where there is no JA4", () => {
    expect(originOf({ botManagement: { ja3Hash: "abc", ja4: "" } })).toEqual({ fingerprint: "abc" });
  });

  it.each([
    [undefined],
    [null],
    ["cf"],
    [7],
    [[]],
    [{}],
    [{ country: "", asn: "4134", botManagement: null }],
    [{ country: 7, asn: 1.5 }],
  ])("knows nothing of %j", (cf) => {
    expect(originOf(cf)).toEqual({});
  });

  it("takes nothing that every object has for an answer", () => {
    expect(originOf(Object.create({ country: "CN" }))).toEqual({});
  });
});
