import { array, assert, integer, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { decideGcra } from "../../../src/limits/gcra.ts";
import { isolateStore } from "../../../src/limits/isolate.ts";
import type { Policy } from "../../../src/limits/policy.ts";

const RULE = { limit: 10, windowMs: 1000 };

const POLICY: Policy = {
  name: "sieve",
  at: ["token"],
  key: ["ip"],
  limit: 10,
  burst: 10,
  windowSeconds: 1,
  cost: { read: 1, token: 1, checkout: 1 },
  store: { kind: "isolate" },
  mode: "enforce",
  onFailure: { rule: "closed" },
  phases: {},
};

function checkOf(key: string) {
  return { policy: POLICY, key, owner: { kind: "ip", part: key }, cost: 1 };
}

describe("decideGcra", () => {
  it("lets the limit come at once, and then one for each share of the window", () => {
    let arrivalAt: number | undefined;
    for (let unit = 0; unit < RULE.limit; unit++) {
      const decision = decideGcra(arrivalAt, RULE, 1, 5000);
      if (!decision.allowed) throw new Error("Refused within the limit");
      arrivalAt = decision.arrivalAt;
    }
    expect(decideGcra(arrivalAt, RULE, 1, 5000)).toEqual({ allowed: false, retryMs: 100 });
    expect(decideGcra(arrivalAt, RULE, 1, 5099)).toEqual({ allowed: false, retryMs: 1 });
    expect(decideGcra(arrivalAt, RULE, 1, 5100).allowed).toBe(true);
  });

  it.each([
    [600, 10_000],
    [7, 1000],
    [300, 60_000],
    [9973, 10_000],
  ])("lets a whole limit of %i in %i ms come at once, and no unit more", (limit, windowMs) => {
    const now = 1_795_304_393_649;
    let arrivalAt: number | undefined;
    for (let unit = 0; unit < limit; unit++) {
      const decision = decideGcra(arrivalAt, { limit, windowMs }, 1, now);
      if (!decision.allowed) throw new Error(`Refused unit ${unit + 1}`);
      arrivalAt = decision.arrivalAt;
    }
    expect(decideGcra(arrivalAt, { limit, windowMs }, 1, now).allowed).toBe(false);
  });

  it("never lets more than twice the limit through in a window, nor refuses who keeps to the rate", () => {
    assert(
      property(array(integer({ min: 0, max: 300 }), { maxLength: 200 }), (pauses) => {
        let now = 10_000;
        let arrivalAt: number | undefined;
        let retriesFit = true;
        const allowedAt: number[] = [];
        for (const pause of pauses) {
          now += pause;
          const decision = decideGcra(arrivalAt, RULE, 1, now);
          if (decision.allowed) {
            arrivalAt = decision.arrivalAt;
            allowedAt.push(now);
          }
          retriesFit &&= decision.allowed || decideGcra(arrivalAt, RULE, 1, now + decision.retryMs).allowed;
        }
        expect(retriesFit).toBe(true);
        for (const from of allowedAt) {
          expect(allowedAt.filter((at) => at >= from && at < from + RULE.windowMs).length).toBeLessThanOrEqual(
            2 * RULE.limit,
          );
        }
      }),
    );
  });
});

describe("isolateStore", () => {
  it("counts every key apart, and tells nobody a number that it cannot know", async () => {
    const store = isolateStore(() => 5000);
    for (let unit = 0; unit < 10; unit++) {
      expect(await store.take([checkOf("a")])).toMatchObject([{ outcome: "fits", remaining: null, resetMs: null }]);
    }
    expect(await store.take([checkOf("a"), checkOf("b")])).toMatchObject([
      { outcome: "refused", retryMs: 100, exact: false },
      { outcome: "fits", remaining: null, resetMs: null },
    ]);
  });

  it("gives back what was taken, less what has flowed back by itself", async () => {
    let now = 5000;
    const store = isolateStore(() => now);
    const check = { ...checkOf("a"), cost: 10 };
    const [answer] = await store.take([check]);
    if (answer?.outcome !== "fits" || answer.receipt === null) throw new Error("Expected a pass");
    now += 200;
    await store.giveBack([{ check, receipt: answer.receipt }]);
    expect(await store.take([check])).toMatchObject([{ outcome: "fits" }]);
    expect(await store.take([checkOf("a")])).toMatchObject([{ outcome: "refused", retryMs: 100 }]);
    now += 5000;
    await store.giveBack([{ check, receipt: answer.receipt }]);
    expect(await store.take([check])).toMatchObject([{ outcome: "fits" }]);
    expect(await store.take([checkOf("a")])).toMatchObject([{ outcome: "refused", retryMs: 100 }]);
  });

  it("T15 forgets the keys counted longest ago rather than growing", async () => {
    const store = isolateStore(() => 5000);
    for (let unit = 0; unit < 10; unit++) await store.take([checkOf("first")]);
    for (let key = 0; key < 100_000; key++) await store.take([checkOf(`flood-${key}`)]);
    expect(await store.take([checkOf("first")])).toMatchObject([{ outcome: "fits" }]);
  });
});
