import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  firstOrderIdAt,
  makeOrderId,
  ORDER_ID_BYTES,
  ORDER_ID_PATTERN,
  timeOfOrderId,
} from "../../../durable-objects/product/order-id.ts";
import { NOW } from "./round-fixture.ts";

const random = (byte: number) => new Uint8Array(ORDER_ID_BYTES).fill(byte);
const bytes = fc.uint8Array({ minLength: ORDER_ID_BYTES, maxLength: ORDER_ID_BYTES });
/** Up to the year 2286, as far as the wire takes times. */
const time = fc.integer({ min: 0, max: 9_999_999_999_999 });

describe("makeOrderId", () => {
  it("has the pattern, at every time and with every randomness", () => {
    fc.assert(
      fc.property(time, bytes, (now, some) => {
        expect(makeOrderId(now, some)).toMatch(ORDER_ID_PATTERN);
      }),
    );
  });

  it("is URL-safe and begins with the shard", () => {
    expect(makeOrderId(NOW, random(0))).toMatch(/^00[0-9a-z]{36}$/);
  });

  it("is ordered by time, whatever the randomness", () => {
    fc.assert(
      fc.property(time, time, bytes, bytes, (a, b, first, second) => {
        fc.pre(a !== b);
        return makeOrderId(a, first) < makeOrderId(b, second) === a < b;
      }),
    );
    expect(makeOrderId(NOW, random(255)) < makeOrderId(NOW + 1, random(0))).toBe(true);
  });

  it("uses five bits of each of 26 random bytes: 130 bits", () => {
    expect(ORDER_ID_BYTES * 5).toBe(130);
    const base = makeOrderId(NOW, random(0));
    const flipped = new Set([base]);
    for (let index = 0; index < ORDER_ID_BYTES; index++) {
      for (let bit = 0; bit < 5; bit++) {
        const changed = random(0);
        changed[index] = 1 << bit;
        flipped.add(makeOrderId(NOW, changed));
      }
    }
    expect(flipped.size).toBe(131);
  });

  it("tells all values of a character apart", () => {
    expect(new Set(Array.from({ length: 32 }, (_, value) => makeOrderId(NOW, random(value)))).size).toBe(32);
  });
});

describe("timeOfOrderId", () => {
  it("is the time that the id was made of, and not a number for an id of another shard", () => {
    fc.assert(fc.property(time, bytes, (now, some) => timeOfOrderId(makeOrderId(now, some)) === now));
    expect(timeOfOrderId(`01${makeOrderId(NOW, random(0)).slice(2)}`)).toBeNaN();
  });
});

describe("firstOrderIdAt", () => {
  it("comes before every id of its millisecond, and after every earlier one", () => {
    expect(firstOrderIdAt(NOW) < makeOrderId(NOW, random(0))).toBe(true);
    expect(firstOrderIdAt(NOW) > makeOrderId(NOW - 1, random(255))).toBe(true);
    expect(firstOrderIdAt(-1)).toBe(firstOrderIdAt(0));
  });
});

describe("ORDER_ID_PATTERN", () => {
  const id = makeOrderId(NOW, random(7));

  it.each([
    ["a character too few", id.slice(1)],
    ["a character too many", `${id}0`],
    ["an upper-case letter", `${id.slice(0, -1)}A`],
    ["the letter i", `${id.slice(0, -1)}i`],
    ["the letter l", `${id.slice(0, -1)}l`],
    ["the letter o", `${id.slice(0, -1)}o`],
    ["the letter u", `${id.slice(0, -1)}u`],
    ["a line end", `${id}\n`],
    ["a blank", ` ${id}`],
  ])("refuses %s", (_name, text) => {
    expect(ORDER_ID_PATTERN.test(text)).toBe(false);
  });
});
