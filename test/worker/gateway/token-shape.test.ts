/** What is read of a token before and at its verification. The buffers that it is read into are used again for the next one. */
import { jwtVerify } from "jose";
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

describe("issueToken()", () => {
  it.each([
    ["a plain id", "buyer-1", null],
    ["the longest id", "ß".repeat(256), null],
    ["what JSON has to escape", '"\\\u0000\u2028\ud800', null],
    ["a key", "buyer-1", "k".repeat(43)],
  ])("makes what another library takes for a JWT of ours: %s", async (_, buyerId, jkt) => {
    const { text, expiresAt } = await issueToken(RING, { buyerId, productId: "p", round: 3, jkt }, 60_999, NOW);
    const { payload, protectedHeader } = await jwtVerify(text, RING.keys[0]?.secret ?? new Uint8Array(), {
      issuer: "sluice",
      audience: "sluice/checkout",
      typ: "sluice-purchase+jwt",
      currentDate: new Date(NOW),
    });
    expect(protectedHeader).toEqual({ alg: "HS256", typ: "sluice-purchase+jwt", kid: "first" });
    const { jti, ...claims } = payload;
    const confirmation = jkt === null ? {} : { cnf: { jkt } };
    const [iat, exp] = [Math.floor(NOW / 1000), Math.floor((NOW + 60_999) / 1000)];
    const ours = { iss: "sluice", aud: "sluice/checkout", sub: buyerId, iat, exp, ims: NOW, pid: "p", rnd: 3 };
    expect(claims).toEqual({ ...ours, ...confirmation });
    expect(jti).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(expiresAt).toBe(exp * 1000);
    expect(await verifyToken(RING, read(text), "p", NOW)).toMatchObject({
      ok: true,
      value: { buyerId, round: 3, jkt },
    });
  });

  it("gives each token an id of its own", async () => {
    const texts = await Promise.all(Array.from({ length: 50 }, () => issue("buyer-1")));
    expect(new Set(texts.map((text) => read(text).jti)).size).toBe(50);
  });
});

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
