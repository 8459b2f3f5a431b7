/** Keys of policies: no two subjects share one, whatever they call themselves, and none is long. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyOf, ownerOf, partsOf, type Subject } from "../../../src/limits/key.ts";
import type { KeyPart } from "../../../src/limits/policy.ts";

const ALL: readonly KeyPart[] = ["ip", "user", "product"];

async function key(subject: Subject, parts: readonly KeyPart[] = ALL): Promise<string> {
  return keyOf(parts, await partsOf(subject));
}

describe("keyOf()", () => {
  it("says every part with its kind and length", async () => {
    expect(await key({ client: "192.0.2.1", buyer: "alice", product: "demo" })).toBe("i9:192.0.2.1u5:alicep4:demo");
  });

  it("does not depend on the order of the parts in the configuration", async () => {
    const subject = { client: "192.0.2.1", buyer: "alice", product: "demo" };
    expect(await key(subject, ["product", "user", "ip"])).toBe(await key(subject));
  });

  it("T16 keeps every two subjects apart, hostile buyer ids included", async () => {
    // Pieces of real keys, so that what could collide is tried.
    const piece = fc.constantFrom(
      "u5:",
      "alice",
      "i9:",
      "p4:demo",
      ":",
      "#",
      "-",
      "u#:",
      "1",
      "\ud800",
      "\udfff",
      "\0",
      " ",
      "é",
      "é",
    );
    const hostile = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
    await fc.assert(
      fc.asyncProperty(hostile, hostile, hostile, hostile, async (client, buyer, otherClient, otherBuyer) => {
        const same = client === otherClient && buyer === otherBuyer;
        const one = await key({ client, buyer }, ["ip", "user"]);
        const other = await key({ client: otherClient, buyer: otherBuyer }, ["ip", "user"]);
        expect(one === other).toBe(same);
      }),
    );
  });

  it("T16 keeps a plain id apart from one that looks like its hash", async () => {
    const long = "x".repeat(65);
    const hashed = await key({ client: "", buyer: long }, ["user"]);
    expect(await key({ client: "", buyer: hashed.slice("u#:".length) }, ["user"])).not.toBe(hashed);
  });

  it("T15 is bounded, however long the buyer id and the product", async () => {
    const long = await key({ client: "y".repeat(10_000), buyer: "x".repeat(10_000), product: "z".repeat(10_000) });
    expect(long.length).toBeLessThan(256);
    expect(long).not.toBe(
      await key({ client: "y".repeat(10_000), buyer: "x".repeat(10_001), product: "z".repeat(10_000) }),
    );
  });

  it("T15 gives everything that cannot be a product one key", async () => {
    const none = await key({ client: "a" }, ["ip", "product"]);
    for (const product of ["", "A", "a b", "../x", "é", "a".repeat(65)]) {
      expect(await key({ client: "a", product }, ["ip", "product"])).toBe(none);
    }
    expect(await key({ client: "a", product: "a" }, ["ip", "product"])).not.toBe(none);
  });

  it("is stable for hashed ids", async () => {
    expect(await key({ client: "", buyer: "买家" }, ["user"])).toBe("u#:RAlcpw9Gv-6pQmAsPkGMbj59i10Gt_8eV8wBD1DqPLI");
  });
});

async function ip(client: string): Promise<string> {
  return (await partsOf({ client }, 56)).ip;
}

describe("partsOf() and IPv6", () => {
  it.each([
    [64, "i18:2001:db8:1:2f::/64"],
    [60, "i18:2001:db8:1:20::/60"],
    [56, "i17:2001:db8:1:0::/56"],
    [48, "i17:2001:db8:1:0::/48"],
  ])("T14 counts a /%i as one client", async (prefix, part) => {
    expect((await partsOf({ client: "2001:db8:1:2f::/64" }, prefix)).ip).toBe(part);
  });

  it("T14 keeps neighbours apart that the prefix keeps apart, and leaves other clients alone", async () => {
    expect(await ip("2001:db8:1:ff00::/64")).toBe(await ip("2001:db8:1:ff7f::/64"));
    expect(await ip("2001:db8:1:ff00::/64")).not.toBe(await ip("2001:db8:1:fe00::/64"));
    expect(await ip("192.0.2.1")).toBe("i9:192.0.2.1");
    expect(await ip("unknown")).toBe("i7:unknown");
  });
});

describe("partsOf() and the connection", () => {
  const EVERY: readonly KeyPart[] = ["country", "asn", "fingerprint"];

  it("says country, network and fingerprint, in combination with others too", async () => {
    const origin = { country: "CN", asn: "4134", fingerprint: "t13d_a_b" };
    expect(await key({ client: "a", origin }, [...EVERY, "ip"])).toBe("i1:ac2:CNa4:4134f8:t13d_a_b");
  });

  it("gives everybody one shared value of whom it is not known", async () => {
    expect(await key({ client: "a" }, EVERY)).toBe("c-:a-:f-:");
    expect(await key({ client: "b", origin: {} }, EVERY)).toBe("c-:a-:f-:");
    expect(await key({ client: "a", origin: { country: "-" } }, EVERY)).not.toBe("c-:a-:f-:");
  });
});

describe("ownerOf()", () => {
  it.each<[readonly KeyPart[], KeyPart]>([
    [["ip"], "ip"],
    [["product", "ip"], "ip"],
    [["user"], "user"],
    [["ip", "product", "user"], "user"],
    [["product"], "product"],
    [["country", "fingerprint"], "fingerprint"],
    [["country", "asn"], "asn"],
    [["country"], "country"],
  ])("of %j is %s", (parts, owner) => {
    expect(ownerOf(parts)).toBe(owner);
  });
});
