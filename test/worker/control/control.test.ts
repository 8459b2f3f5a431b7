/** The edge obeys its operator: within two seconds, without waiting, and also while the control object is in trouble. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { NewEntry } from "../../../durable-objects/control/protocol.ts";
import { COPY_AGE_MAX_MS } from "../../../src/control/control-copy.ts";
import { CAUSE, controlStub, gatewayOf, makeEntry, makeName, spyOn } from "./controlled-gateway.ts";

const START = 1_800_000_000_000;
const LISTED = "203.0.113.7";
const OVERRIDE = { policy: "p", limit: 5, mode: null, expiresAt: START + 3_600_000, reason: "a test" } as const;

let log: ReturnType<typeof vi.spyOn>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  log = vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function unreachable(): Promise<never> {
  return Promise.reject(new Error("unreachable"));
}

function isolate() {
  const name = makeName();
  const spied = spyOn(name);
  const control = controlStub(name);
  return { control, spied, ...gatewayOf(spied) };
}

function at(ms: number): void {
  vi.setSystemTime(START + ms);
}

describe("loadControl()", () => {
  it("asks once, and then not at all while the copy is young", async () => {
    const { buy, spied, views } = isolate();
    await buy();
    expect(spied.calls).toEqual(["snapshot"]);
    for (let request = 0; request < 10; request++) expect((await buy()).status).toBe(200);
    at(999);
    await buy();
    expect(spied.calls).toEqual(["snapshot"]);
    expect(new Set(views).size).toBe(1);
  });

  it("goes on in the same step while the copy is young", async () => {
    const { buy, spied } = isolate();
    await buy();
    spied.instead = () => new Promise(() => {});
    at(1500);
    // The refresh hangs; the request does not.
    expect((await buy()).status).toBe(200);
    expect(spied.calls).toHaveLength(2);
    expect((await buy()).status).toBe(200);
    expect(spied.calls).toHaveLength(2);
    expect(log).not.toHaveBeenCalled();
  });

  it("is brought up to date by one request in the background", async () => {
    const { buy, control, spied, settled } = isolate();
    await buy();
    await control.putEntries([makeEntry()], CAUSE);
    at(1000);
    const answers = await Promise.all(Array.from({ length: 20 }, () => buy({ address: LISTED })));
    expect(answers.map(({ status }) => status)).toEqual(Array<number>(20).fill(200));
    await settled();
    expect(spied.calls).toEqual(["snapshot", "snapshot"]);
    expect((await buy({ address: LISTED })).code).toBe("not-eligible");
  });

  it(`obeys within ${COPY_AGE_MAX_MS} ms, also where nobody asked in between`, async () => {
    const { buy, control, spied } = isolate();
    expect((await buy({ address: LISTED })).status).toBe(200);
    await control.putEntries([makeEntry()], CAUSE);
    await control.setOverride(OVERRIDE, CAUSE);
    at(COPY_AGE_MAX_MS - 1);
    spied.instead = () => new Promise(() => {});
    expect((await buy({ address: LISTED })).status).toBe(200);
    // The hanging refresh is given up; who comes later waits for one of his own.
    spied.instead = null;
    at(2 * COPY_AGE_MAX_MS);
    const answers = await Promise.all(Array.from({ length: 20 }, () => buy({ address: LISTED })));
    expect(answers.map(({ code }) => code)).toEqual(Array<string>(20).fill("not-eligible"));
    expect(spied.calls).toHaveLength(3);
    expect((await buy()).body.overrides).toEqual({ p: { limit: 5, expiresAt: OVERRIDE.expiresAt } });
    await control.removeEntries([makeEntry()], CAUSE);
    at(3 * COPY_AGE_MAX_MS);
    expect((await buy({ address: LISTED })).status).toBe(200);
  });

  it("F10 asks again after the clock went back", async () => {
    const { buy, control } = isolate();
    at(3_600_000);
    await buy();
    await control.putEntries([makeEntry()], CAUSE);
    at(0);
    expect((await buy({ address: LISTED })).code).toBe("not-eligible");
  });

  it("hands out the same map of overrides while none changes, and another when one does", async () => {
    const { buy, control, views } = isolate();
    await control.setOverride(OVERRIDE, CAUSE);
    await buy();
    await control.putEntries([makeEntry()], CAUSE);
    at(COPY_AGE_MAX_MS);
    await buy();
    await control.setOverride({ ...OVERRIDE, limit: null, mode: "shadow" }, CAUSE);
    at(2 * COPY_AGE_MAX_MS);
    await buy();
    const [first, second, third] = views;
    expect([first?.version, second?.version, third?.version]).toEqual([1, 2, 3]);
    expect(second?.overrides).toBe(first?.overrides);
    expect(third?.overrides).not.toBe(first?.overrides);
    expect(third?.overrides).toEqual(new Map([["p", { mode: "shadow", expiresAt: OVERRIDE.expiresAt }]]));
  });

  it("reads 45,000 entries in pages once, and then only what changes", async () => {
    const { buy, control, spied, views } = isolate();
    for (let from = 0; from < 45_000; from += 15_000) {
      const entries = Array.from({ length: 15_000 }, (_, index) =>
        makeEntry({ subject: "buyer", value: `buyer-${from + index}` }),
      );
      await control.putEntries(entries, CAUSE);
    }
    await control.setOverride(OVERRIDE, CAUSE);
    expect((await buy({ buyer: "buyer-44999" })).code).toBe("not-eligible");
    expect(spied.calls).toEqual(["snapshot", "page", "page", "page", "snapshot"]);
    await control.removeEntries([makeEntry({ subject: "buyer", value: "buyer-44999" })], CAUSE);
    at(COPY_AGE_MAX_MS);
    expect((await buy({ buyer: "buyer-44999" })).status).toBe(200);
    expect(spied.calls.slice(5)).toEqual(["snapshot"]);
    expect(views.at(-1)?.lists.size).toBe(44_999);
    expect(views.at(-1)?.overrides.get("p")?.limit).toBe(5);
  });

  it("begins anew when the object loses a snapshot between its pages", async () => {
    const { buy, control, spied } = isolate();
    await control.putEntries(
      Array.from({ length: 6000 }, (_, index) => makeEntry({ subject: "buyer", value: `buyer-${index}` })),
      CAUSE,
    );
    let lost = false;
    spied.instead = async (method) => {
      if (method !== "page" || lost) return undefined;
      lost = true;
      return null;
    };
    expect((await buy({ buyer: "buyer-5999" })).code).toBe("not-eligible");
    expect(spied.calls).toEqual(["snapshot", "page", "snapshot", "page", "snapshot"]);
  });
});

describe("F8 loadControl() when the control object fails", () => {
  const FAULTS: readonly [string, () => Promise<unknown>][] = [
    ["throws", unreachable],
    ["hangs", () => new Promise(() => {})],
    ["answers garbage", async () => null],
  ];

  it.each(FAULTS)("never loaded, and it %s: empty lists, one line, and nobody else waits", async (_name, fault) => {
    const { buy, control, spied } = isolate();
    await control.putEntries([makeEntry()], CAUSE);
    spied.instead = fault;
    expect((await buy({ address: LISTED })).body).toEqual({ allowed: false, suspects: [], overrides: {}, version: 0 });
    const begun = performance.now();
    for (let request = 0; request < 10; request++) expect((await buy({ address: LISTED })).status).toBe(200);
    expect(performance.now() - begun).toBeLessThan(500);
    expect(spied.calls).toEqual(["snapshot"]);
    expect(log.mock.calls.map(([line]: readonly unknown[]) => JSON.parse(String(line)) as unknown)).toEqual([
      {
        level: "error",
        event: "control-unavailable",
        version: 0,
        copyAgeMs: null,
        fault: expect.any(String) as unknown,
      },
    ]);
  });

  it.each(FAULTS)("loaded before, and it %s: the last copy stays, until the object answers", async (_name, fault) => {
    const { buy, control, spied, settled } = isolate();
    await control.putEntries([makeEntry()], CAUSE);
    expect((await buy({ address: LISTED })).code).toBe("not-eligible");
    await control.removeEntries([makeEntry()], CAUSE);
    spied.instead = fault;
    for (let seconds = 2; seconds < 60; seconds++) {
      at(seconds * 1000);
      expect((await buy({ address: LISTED })).code).toBe("not-eligible");
    }
    expect(log).toHaveBeenCalledTimes(1);
    spied.instead = null;
    at(70_000);
    await buy();
    await settled();
    expect((await buy({ address: LISTED })).status).toBe(200);
  });

  it("tells a long outage again after a minute, and a second outage at once", async () => {
    const { buy, spied, settled } = isolate();
    await buy();
    spied.instead = unreachable;
    for (const seconds of [10, 30, 69, 71, 100]) {
      at(seconds * 1000);
      await buy();
      await settled();
    }
    expect(log).toHaveBeenCalledTimes(2);
    spied.instead = null;
    at(110_000);
    await buy();
    await settled();
    spied.instead = unreachable;
    at(113_000);
    await buy();
    expect(log).toHaveBeenCalledTimes(3);
  });
});

describe("refuseListedClient()", () => {
  it.each([
    ["an address", makeEntry({ value: "203.0.113.7/32" }), { address: LISTED }],
    ["T14 an address in another spelling", makeEntry({ value: "2001:db8::/48" }), { address: "2001:DB8:0:1::1" }],
    ["a network's number", makeEntry({ subject: "asn", value: "64500" }), { cf: { asn: 64_500 } }],
    ["a country", makeEntry({ subject: "country", value: "DE" }), { cf: { country: "DE" } }],
  ])("keeps out %s on the deny list, and tells nothing of the reason", async (_name, entry, request) => {
    const { buy, control } = isolate();
    await control.putEntries([entry], CAUSE);
    const answer = await buy(request);
    expect(answer).toMatchObject({ status: 403, code: "not-eligible" });
    expect(JSON.stringify(answer.body)).not.toContain("a test");
    expect((await buy({ address: "198.51.100.1", cf: { asn: 64_501, country: "FR" } })).status).toBe(200);
    expect((await buy()).status).toBe(200);
  });

  it("lets in who is on the allow list, and says so to the stages behind", async () => {
    const { buy, control } = isolate();
    await control.putEntries([makeEntry(), makeEntry({ list: "allow", value: "203.0.113.7/32" })], CAUSE);
    expect(await buy({ address: LISTED })).toMatchObject({ status: 200, body: { allowed: true } });
    expect(await buy({ address: "203.0.113.8" })).toMatchObject({ status: 403 });
    expect(await buy({ address: "198.51.100.1" })).toMatchObject({ status: 200, body: { allowed: false } });
  });

  it("an entry ends by the gateway's clock, at once and without a word from the object", async () => {
    const { buy, control, spied } = isolate();
    await control.putEntries([makeEntry({ expiresAt: START + 500 })], CAUSE);
    expect((await buy({ address: LISTED })).status).toBe(403);
    at(499);
    expect((await buy({ address: LISTED })).status).toBe(403);
    at(500);
    expect((await buy({ address: LISTED })).status).toBe(200);
    expect(spied.calls).toEqual(["snapshot"]);
  });
});

describe("refuseListedBuyer()", () => {
  it("T16 keeps out the buyer himself, and nobody else behind his address", async () => {
    const { buy, control } = isolate();
    await control.putEntries([makeEntry({ subject: "buyer", value: "mallory" })], CAUSE);
    expect(await buy({ buyer: "mallory", address: LISTED })).toMatchObject({ status: 403, code: "not-eligible" });
    expect((await buy({ buyer: "alice", address: LISTED })).status).toBe(200);
    expect((await buy({ buyer: "Mallory" })).status).toBe(200);
  });

  it("an allowed buyer is told to the stages behind", async () => {
    const { buy, control } = isolate();
    await control.putEntries([makeEntry({ list: "allow", subject: "buyer", value: "alice" })], CAUSE);
    expect(await buy({ buyer: "alice" })).toMatchObject({ status: 200, body: { allowed: true } });
  });
});

describe("T7 suspects", () => {
  const REQUEST = { buyer: "mallory", address: LISTED, cf: { asn: 64_500, country: "DE" } };
  const SUSPECTS = [
    makeEntry({ list: "suspect" }),
    makeEntry({ list: "suspect", subject: "asn", value: "64500" }),
    makeEntry({ list: "suspect", subject: "country", value: "DE" }),
    makeEntry({ list: "suspect", subject: "buyer", value: "mallory" }),
  ];

  it("are let through, and told to the stages behind", async () => {
    const { buy, control } = isolate();
    await control.putEntries(SUSPECTS, CAUSE);
    expect(await buy(REQUEST)).toMatchObject({
      status: 200,
      body: { allowed: false, suspects: ["cidr", "asn", "country", "buyer"] },
    });
    expect((await buy({ buyer: "alice", address: "198.51.100.1" })).body.suspects).toEqual([]);
  });

  it("are kept out where they are denied as well, and allowed where they are allowed", async () => {
    const { buy, control } = isolate();
    await control.putEntries([...SUSPECTS, makeEntry({ list: "deny", subject: "country", value: "DE" })], CAUSE);
    expect(await buy(REQUEST)).toMatchObject({ status: 403, code: "not-eligible" });
    await control.putEntries([makeEntry({ list: "allow" })], CAUSE);
    at(COPY_AGE_MAX_MS);
    expect(await buy(REQUEST)).toMatchObject({ status: 200, body: { allowed: true } });
  });

  it(`are suspects no more within ${COPY_AGE_MAX_MS} ms of being taken off, and at once when their time is over`, async () => {
    const { buy, control } = isolate();
    await control.putEntries(
      [makeEntry({ list: "suspect" }), { ...SUSPECTS[3], expiresAt: START + 500 } as NewEntry],
      CAUSE,
    );
    expect((await buy(REQUEST)).body.suspects).toEqual(["cidr", "buyer"]);
    at(500);
    expect((await buy(REQUEST)).body.suspects).toEqual(["cidr"]);
    await control.removeEntries([makeEntry({ list: "suspect" })], CAUSE);
    at(500 + COPY_AGE_MAX_MS);
    expect((await buy(REQUEST)).body.suspects).toEqual([]);
  });
});
