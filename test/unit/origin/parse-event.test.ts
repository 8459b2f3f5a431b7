import { describe, expect, it } from "vitest";
import { parseEvent } from "../../../src/origin/writer/parse-event.ts";
import { isStorable } from "../../../src/text.ts";
import { orderEvent, stockEvent } from "./event-fixtures.ts";

describe("parseEvent", () => {
  it.each(["held", "paid", "cancelled", "expired", "refund_due"] as const)("takes an order event: %s", (status) => {
    const event = orderEvent({ status });
    expect(parseEvent(event)).toEqual({ ok: true, event });
  });

  it.each(["stock.allocated", "stock.changed", "stock.closed"] as const)("takes a stock event: %s", (type) => {
    const event = stockEvent({ type });
    expect(parseEvent(event)).toEqual({ ok: true, event });
  });

  it.each([undefined, null, "held", 7, [], {}, { type: "order.held" }, { type: "order.shipped" }])(
    "F7: refuses %j",
    (body) => {
      expect(parseEvent(body).ok).toBe(false);
    },
  );

  const changes: readonly (readonly [string, object])[] = [
    ["an unknown key", { colour: "red" }],
    ["a missing value", { quantity: undefined }],
    ["no units", { quantity: 0 }],
    ["half a unit", { quantity: 1.5 }],
    ["more than a Postgres integer holds", { quantity: 2_147_483_648 }],
    ["a number as text", { quantity: "1" }],
    ["not a number", { at: Number.NaN }],
    ["a time that Postgres does not read", { at: 253_402_300_800_000 }],
    ["a time before the epoch", { createdAt: -1 }],
    ["round 0", { round: 0 }],
    ["version 0", { version: 0 }],
    ["a product id that is no slug", { productId: "Lamp/1" }],
    ["an empty id", { eventId: "" }],
    ["an id that fits no index", { orderId: "x".repeat(301) }],
    ["U+0000", { buyerId: "a\u0000b" }],
    ["half a surrogate pair", { buyerId: "a\uD800" }],
    ["a status that its type does not say", { status: "paid" }],
    ["a prototype key", JSON.parse('{"__proto__": 1, "constructor": 1}')],
  ];

  it.each(changes)("F7: refuses %s", (_, change) => {
    expect(parseEvent({ ...orderEvent(), ...change }).ok).toBe(false);
  });

  it("names the field that is wrong", () => {
    expect(parseEvent({ ...orderEvent(), quantity: 0 })).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/^quantity: /),
    });
  });
});

describe("isStorable", () => {
  it("takes what Postgres can store, and nothing else", () => {
    expect(["", "台灯", "👍"].map(isStorable)).toEqual([true, true, true]);
    expect(["\u0000", "a\u0000", "\uDC00"].map(isStorable)).toEqual([false, false, false]);
  });
});
