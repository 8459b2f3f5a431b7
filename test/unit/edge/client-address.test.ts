import { describe, expect, it } from "vitest";
import { readClientAddress, UNKNOWN_CLIENT } from "../../../src/edge/client-address.ts";

describe("T14 readClientAddress", () => {
  it.each([
    ["203.0.113.7", "203.0.113.7"],
    ["::ffff:203.0.113.7", "203.0.113.7"],
    ["::FFFF:cb00:7107", "203.0.113.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:0DB8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
  ])("makes one key of every spelling: %s is %s", (address, key) => {
    expect(readClientAddress(address).key).toBe(key);
  });

  it("keeps neighbouring networks apart", () => {
    expect(readClientAddress("2001:db8:1:2::1").key).not.toBe(readClientAddress("2001:db8:1:3::1").key);
  });

  it.each([
    undefined,
    "",
    "unknown",
    "1",
    "0x7f.1",
    "127.1",
    "256.0.0.1",
    "1.2.3.4, 5.6.7.8",
    "fe80::1%eth0",
    "a".repeat(1000),
    "::g",
  ])("puts %j into the one shared bucket, or under an address that it really is", (address) => {
    const key = readClientAddress(address).key;
    expect([UNKNOWN_CLIENT, "fe80:0:0:0::/64"]).toContain(key);
  });
});
