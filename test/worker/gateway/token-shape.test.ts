/** What is read of a token before and at its verification. The buffers that it is read into are used again for the next one. */
import { describe, expect, it } from "vitest";
import { readSegment } from "../../../src/jose-segment.ts";
import { issueToken, readTokenShape, type UnverifiedToken, verifyToken } from "../../../src/token/purchase-token.ts";

const NOW = 1_795_316_038_000;
const RING = {
  gateway: "sluice",
  keys: [{ kid: "first", secret: new Uint8Array(32).fill(7), notBefore: 0, notAfter: Number.MAX_SAFE_INTEGER }],
};

async function issue(buyerId: string): Promise<string> {
  const issued = await issueToken(RING, { buyerId, productId: "p", round: 1, jkt: null }, 60_000, NOW);
  return issued.text;
}

function read(text: string): UnverifiedToken {
  const shape = readTokenShape(text);
  if (!shape.ok) throw new Error("Expected the shape of a token, found none");
  return shape.value;
}

function segment(value: unknown): string {
  return new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
}

describe("verifyToken()", () => {
  it("T4 tells tokens apart that are verified at once, long and short", async () => {
    const texts = await Promise.all(["a", "b".repeat(200), "c", "ö".repeat(100), "d"].map(issue));
    // The signature of each second one is its neighbour's.
    const forged = texts.map((text, index) =>
      index % 2 === 0 ? text : `${text.slice(0, -43)}${(texts[index - 1] ?? "").slice(-43)}`,
    );
    const verified = await Promise.all(forged.map((text) => verifyToken(RING, read(text), "p", NOW)));
    expect(verified.map(({ ok }) => ok)).toEqual([true, false, true, false, true]);
  });

  it("says of each token what it says itself", async () => {
    const buyers = ["a", "b".repeat(200), "ö".repeat(100), "c"];
    const shapes = (await Promise.all(buyers.map(issue))).map(read);
    const verified = await Promise.all(shapes.map((shape) => verifyToken(RING, shape, "p", NOW)));
    expect(verified.map((result) => (result.ok ? result.value.buyerId : result.refusal))).toEqual(buyers);
  });
});

describe("readSegment()", () => {
  it.each([10, 1000, 1500, 1536, 1537, 5000])("reads %i bytes, and nothing of what was read before", (bytes) => {
    const text = "x".repeat(bytes - 2);
    expect(readSegment(segment("y".repeat(1400)))).toBe("y".repeat(1400));
    expect(readSegment(segment(text))).toBe(text);
    expect(readSegment(segment({ short: true }))).toEqual({ short: true });
  });

  it.each(["", "=", "ab=c", "a+b/", "!", "_w", segment("x").slice(0, -1)])("reads nothing of %j", (text) => {
    expect(readSegment(segment({ before: true }))).toEqual({ before: true });
    expect(readSegment(text)).toBeNull();
  });
});
