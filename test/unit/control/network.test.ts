/** Spellings of addresses and networks, and what is refused of them (T13, T14). */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseEntryValue } from "../../../src/control/entry-value.ts";
import { describeNetwork, parseAddress, parseNetwork, prefixKey, readNetwork } from "../../../src/control/network.ts";

describe("parseEntryValue() of a cidr", () => {
  it.each([
    ["203.0.113.0/24", "203.0.113.0/24"],
    ["203.0.113.7", "203.0.113.7/32"],
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["2001:DB8::/32", "2001:db8::/32"],
    ["2001:0db8:0:0:0:0:0:1", "2001:db8::1/128"],
    ["2a00::/12", "2a00::/12"],
    ["::ffff:203.0.113.0/120", "203.0.113.0/24"],
    ["::ffff:cb00:7107", "203.0.113.7/32"],
  ])("%s is %s", (text, value) => {
    expect(parseEntryValue("cidr", text)).toEqual({ value });
    // Whatever comes out goes in again.
    expect(parseEntryValue("cidr", value)).toEqual({ value });
  });

  it.each([
    ["", "like"],
    ["203.0.113", "like"],
    ["010.0.0.1", "like"],
    ["0x7f.0.0.1", "like"],
    ["1", "like"],
    ["203.0.113.256", "like"],
    ["203.0.113.0/", "like"],
    ["203.0.113.0/024", "like"],
    ["203.0.113.0/-1", "like"],
    ["203.0.113.0/24/24", "like"],
    [" 203.0.113.0/24", "like"],
    ["fe80::1%eth0", "like"],
    ["2001:db8::/32x", "like"],
    ["203.0.113.0/33", "at most 32"],
    ["2001:db8::/129", "at most 128"],
    ["203.0.113.7/24", "203.0.113.0/24"],
    ["203.0.113.128/24", "203.0.113.0/24"],
    ["2001:db8::1/32", "2001:db8::/32"],
    ["0.0.0.0/0", "at least 8"],
    ["::/0", "at least 12"],
    ["::ffff:0:0/96", "at least 104"],
    ["::ffff:203.0.113.0/24", "at least 104"],
  ])("refuses %j", (text, message) => {
    expect(parseEntryValue("cidr", text)).toMatchObject({ problem: expect.stringContaining(message) as unknown });
  });
});

describe("parseEntryValue() of other subjects", () => {
  it.each([
    ["asn", "64500", "64500"],
    ["asn", "AS64500", "64500"],
    ["asn", "as4294967295", "4294967295"],
    ["country", "de", "DE"],
    ["country", "T1", "T1"],
    ["buyer", " Alice/ä ", " Alice/ä "],
    ["buyer", "x".repeat(256), "x".repeat(256)],
  ] as const)("%s %j is %j", (subject, text, value) => {
    expect(parseEntryValue(subject, text)).toEqual({ value });
  });

  it.each([
    ["asn", "0"],
    ["asn", "AS0"],
    ["asn", "064500"],
    ["asn", "4294967296"],
    ["asn", "-1"],
    ["asn", "1.5"],
    ["asn", ""],
    ["country", "DEU"],
    ["country", "1T"],
    ["country", "ß"],
    ["country", ""],
    ["buyer", ""],
    ["buyer", "x".repeat(257)],
    ["buyer", "a\0b"],
    ["buyer", "\ud800"],
  ] as const)("%s refuses %j", (subject, text) => {
    expect(parseEntryValue(subject, text)).toHaveProperty("problem");
  });
});

describe("parseAddress()", () => {
  it("T14 takes every spelling of an address for the same", () => {
    const spellings = ["2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:0db8:0000:0000:0000:0000:0000:0001"];
    expect(new Set(spellings.map((text) => JSON.stringify(parseAddress(text)))).size).toBe(1);
    expect(parseAddress("::ffff:203.0.113.7")).toEqual(parseAddress("203.0.113.7"));
  });

  it.each(["", "unknown", "1", "203.0.113.7, 198.51.100.1", "203.0.113.7:443", "[::1]", "x".repeat(10_000)])(
    "%.40j is none",
    (text) => {
      expect(parseAddress(text)).toBeNull();
    },
  );
});

describe("prefixKey()", () => {
  it("tells prefixes of one length apart, and nothing beyond them", () => {
    const parts = [0xcb00, 0x7107];
    expect(prefixKey(parts, 24)).toBe(prefixKey([0xcb00, 0x71ff], 24));
    expect(prefixKey(parts, 25)).not.toBe(prefixKey([0xcb00, 0x71ff], 25));
    expect(prefixKey(parts, 16)).toBe(prefixKey([0xcb00, 0], 16));
    expect(prefixKey(parts, 32)).toBe(prefixKey(parts, 32));
    expect(prefixKey(parts, 32)).not.toBe(prefixKey([0xcb00, 0x7106], 32));
  });
});

describe("readNetwork()", () => {
  // Not 0xffff: an IPv4-mapped address is no IPv6 address to the parser.
  const part = fc.constantFrom(0, 0, 0, 1, 0xdb8, 0xfffe);
  const ipv6 = fc.tuple(fc.array(part, { minLength: 8, maxLength: 8 }), fc.integer({ min: 0, max: 128 }));
  const ipv4 = fc.tuple(
    fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 2, maxLength: 2 }),
    fc.integer({ min: 0, max: 32 }),
  );

  it("reads of every network's one spelling what the library's parser reads of it", () => {
    fc.assert(
      fc.property(fc.oneof(ipv6, ipv4), ([parts, length]) => {
        const family = parts.length === 8 ? "ipv6" : "ipv4";
        const text = describeNetwork({ family, parts, length });
        expect(readNetwork(text)).toEqual({ family, parts, length });
        // Shorter prefixes than an entry may have, and bits beyond them, the parser refuses.
        const parsed = parseNetwork(text);
        expect(typeof parsed === "string" ? { family, parts, length } : parsed).toEqual(readNetwork(text));
      }),
      { numRuns: 1000 },
    );
  });
});
