import { afterEach, describe, expect, test, vi } from "vitest";
import { decideOffset, startClock } from "../../client/clock.ts";
import { FakeSurroundings, GATEWAY_START, json, settle } from "./fake-surroundings.ts";

describe("decideOffset", () => {
  test("takes the sample with the smallest round trip", () => {
    const slow = { sentAt: 0, receivedAt: 400, serverNow: 10_390 };
    const quick = { sentAt: 1_000, receivedAt: 1_020, serverNow: 11_010 };
    const middling = { sentAt: 2_000, receivedAt: 2_100, serverNow: 12_090 };
    expect(decideOffset([slow, quick, middling])).toEqual({ offsetMs: 10_000, uncertaintyMs: 10 });
  });

  test("keeps the first of two equally good samples", () => {
    const first = { sentAt: 0, receivedAt: 20, serverNow: 5_010 };
    const second = { sentAt: 100, receivedAt: 120, serverNow: 6_110 };
    expect(decideOffset([first, second])?.offsetMs).toBe(5_000);
  });

  test("leaves out a sample that was received before it was sent", () => {
    expect(decideOffset([{ sentAt: 10, receivedAt: 5, serverNow: 1 }])).toBeUndefined();
  });

  test("knows nothing without a sample", () => {
    expect(decideOffset([])).toBeUndefined();
  });

  test("is off by no more than the uncertainty that it states, however unequal the two ways are", () => {
    for (const [wayThereMs, wayBackMs] of [
      [0, 80],
      [80, 0],
      [40, 40],
      [7, 61],
    ] as const) {
      const offset = decideOffset([
        { sentAt: 500, receivedAt: 500 + wayThereMs + wayBackMs, serverNow: 9_000 + 500 + wayThereMs },
      ]);
      expect(Math.abs((offset?.offsetMs ?? Number.NaN) - 9_000)).toBeLessThanOrEqual(offset?.uncertaintyMs ?? -1);
    }
  });
});

describe("startClock", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("has no time before the first answer, and the gateway's afterwards", async () => {
    const surroundings = new FakeSurroundings();
    const clock = startClock(surroundings);
    expect(clock.now()).toBeUndefined();
    await settle();
    expect(clock.now()).toBe(GATEWAY_START);
    clock.stop();
  });

  test("keeps the best of several samples", async () => {
    const surroundings = new FakeSurroundings();
    const roundTrips = [300, 20, 120, 500];
    surroundings.on("GET /v1/time", () => {
      const half = (roundTrips.shift() ?? 0) / 2;
      surroundings.pass(half);
      const reply = json(200, { now: surroundings.gatewayNow() });
      surroundings.pass(half);
      return reply;
    });
    const clock = startClock(surroundings);
    await surroundings.advance(5_000);
    expect(surroundings.count("GET /v1/time")).toBe(4);
    expect(clock.uncertaintyMs()).toBe(10);
    clock.stop();
  });

  test("F10: a system clock that is set while the page is open changes nothing", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const surroundings = new FakeSurroundings();
    const clock = startClock(surroundings);
    await surroundings.advance(1_000);
    vi.setSystemTime(new Date(2001, 1, 1));
    await surroundings.advance(1_000);
    expect(clock.now()).toBe(GATEWAY_START + 2_000);
    clock.stop();
  });

  test("is set again every few minutes, and when the page is seen again", async () => {
    const surroundings = new FakeSurroundings();
    const clock = startClock(surroundings);
    await surroundings.advance(10_000);
    const atFirst = surroundings.count("GET /v1/time");
    await surroundings.advance(5 * 60_000);
    expect(surroundings.count("GET /v1/time")).toBe(atFirst * 2);
    await surroundings.show(false);
    await surroundings.advance(1_000);
    expect(surroundings.count("GET /v1/time")).toBe(atFirst * 2);
    await surroundings.show(true);
    await surroundings.advance(1_000);
    expect(surroundings.count("GET /v1/time")).toBe(atFirst * 3);
    clock.stop();
  });

  test("asks again, ever more slowly, while the gateway does not answer, and keeps the time it has", async () => {
    const surroundings = new FakeSurroundings();
    const clock = startClock(surroundings);
    await surroundings.advance(1_000);
    surroundings.on("GET /v1/time", () => "lost");
    const before = surroundings.sent.length;
    await clock.synchronise();
    await surroundings.advance(7_000);
    const gaps = surroundings.sent.slice(before).map(({ at }) => at);
    expect(gaps.map((at) => at - (gaps[0] ?? 0))).toEqual([0, 1_000, 3_000, 7_000]);
    expect(clock.now()).toBe(GATEWAY_START + 8_000);
    clock.stop();
  });

  test("an answer outside the contract is no sample", async () => {
    const surroundings = new FakeSurroundings();
    surroundings.on("GET /v1/time", () => json(200, { now: "soon" }));
    const clock = startClock(surroundings);
    await settle();
    expect(clock.now()).toBeUndefined();
    clock.stop();
  });

  test("sends nothing after stop", async () => {
    const surroundings = new FakeSurroundings();
    const clock = startClock(surroundings);
    await settle();
    clock.stop();
    const before = surroundings.sent.length;
    await surroundings.advance(3_600_000);
    expect(surroundings.sent.length).toBe(before);
  });
});
