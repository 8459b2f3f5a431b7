import { describe, expect, it } from "vitest";
import { decideSigningKey, decideVerifyingKey } from "../../../src/keys/key-ring.ts";

const NEVER = Number.MAX_SAFE_INTEGER;
const old = { kid: "old", notBefore: 0, notAfter: 2000 };
const next = { kid: "next", notBefore: 1000, notAfter: NEVER };
const ring = [next, old];

describe("decideSigningKey", () => {
  it.each([
    [0, "old"],
    [999, "old"],
    [1000, "next"],
    [5000, "next"],
  ])("at %i signs with %s: the newest whose time has begun", (now, kid) => {
    expect(decideSigningKey(ring, now)?.kid).toBe(kid);
  });

  it("signs with none before the first begins or after the last ends", () => {
    expect(decideSigningKey([next], 999)).toBeNull();
    expect(decideSigningKey([old], 2000)).toBeNull();
  });
});

describe("decideVerifyingKey", () => {
  it("has no moment in a rotation at which a key that signs does not verify", () => {
    for (let now = 0; now <= 3000; now += 100) {
      const signing = decideSigningKey(ring, now);
      expect(decideVerifyingKey(ring, signing?.kid, now)).toBe(signing);
    }
  });

  it("verifies what the old key signed until its end, and with the next key before it signs", () => {
    expect(decideVerifyingKey(ring, "old", 1999)).toBe(old);
    expect(decideVerifyingKey(ring, "old", 2000)).toBeNull();
    expect(decideVerifyingKey(ring, "next", 0)).toBe(next);
  });

  it.each([undefined, null, "", "OLD", 0, {}])("T4 knows no key by the kid %j", (kid) => {
    expect(decideVerifyingKey(ring, kid, 0)).toBeNull();
  });
});
