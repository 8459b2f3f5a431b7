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

describe("ownerOf()", () => {
  it.each<[readonly KeyPart[], KeyPart]>([
    [["ip"], "ip"],
    [["product", "ip"], "ip"],
    [["user"], "user"],
    [["ip", "product", "user"], "user"],
    [["product"], "product"],
  ])("of %j is %s", (parts, owner) => {
    expect(ownerOf(parts)).toBe(owner);
  });
});
