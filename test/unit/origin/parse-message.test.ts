import { describe, expect, it } from "vitest";
import { packMessages, writeMessage } from "../../../durable-objects/product/event-messages.ts";
import { eventsOf, parseMessage } from "../../../src/origin/writer/parse-message.ts";
import { orderEvent, stockEvent } from "./event-fixtures.ts";

describe("parseMessage", () => {
  it("reads what the outbox packs", () => {
    const events = [stockEvent(), ...Array.from({ length: 250 }, (_, seq) => orderEvent({ orderId: `o-${seq}`, seq }))];
    const messages = packMessages(events.map((event) => JSON.stringify(event)));
    expect(messages.length).toBeLessThan(5);
    expect(messages.flatMap((message) => eventsOf(parseMessage(message)))).toEqual(events);
  });

  it("reads a bare event, as an older version sent it and a replay sends it", () => {
    const event = orderEvent();
    expect(parseMessage(event)).toEqual([{ ok: true, event, body: event }]);
  });

  it("F7: judges each event by itself", () => {
    const [good, bad] = [orderEvent(), { ...orderEvent(), quantity: 0 }];
    const parts = parseMessage(writeMessage([good, bad, null].map((event) => JSON.stringify(event))));
    expect(parts.map(({ ok }) => ok)).toEqual([true, false, false]);
    expect(parts.map(({ body }) => body)).toEqual([good, bad, null]);
    expect(eventsOf(parts)).toEqual([good]);
  });

  const event = JSON.stringify(orderEvent());
  it.each([
    ["no JSON", "garbage"],
    ["half a message", writeMessage([event]).slice(0, -3)],
    ["a bare event as text", event],
    ["a list without its name", `[${event}]`],
    ["no events", writeMessage([])],
    ["events that are no list", `{"events":${event}}`],
    ["an unknown key", `{"events":[${event}],"version":2}`],
    ["a list of messages", `[${writeMessage([event])}]`],
  ])("F7: refuses %s as a whole, and keeps it", (_, body) => {
    expect(parseMessage(body)).toEqual([{ ok: false, reason: expect.stringContaining("body"), body }]);
  });

  it.each([[null], [undefined], [7], [[orderEvent()]], [{ events: [orderEvent()] }]])("F7: refuses %j", (body) => {
    expect(parseMessage(body)).toMatchObject([{ ok: false }]);
  });
});
