import { describe, expect, it } from "vitest";
import {
  decideCutoff,
  findContradiction,
  mayBeArchived,
  RETENTION_LEAST_SECONDS,
  TOKEN_HORIZON_MS,
  widen,
} from "../../../durable-objects/product/retention.ts";
import { NOW } from "./round-fixture.ts";

const HOUR_MS = 3_600_000;

describe("RETENTION_LEAST_SECONDS", () => {
  it("T2 T8 F10 outlives every token and the day of hoarding, with clocks that are an hour wrong", () => {
    expect(TOKEN_HORIZON_MS).toBe(4 * HOUR_MS);
    expect(RETENTION_LEAST_SECONDS * 1000).toBe(26 * HOUR_MS);
  });
});

describe("decideCutoff", () => {
  it.each([
    [48 * HOUR_MS, 48 * HOUR_MS],
    [26 * HOUR_MS, 26 * HOUR_MS],
    [0, 26 * HOUR_MS],
    [-1, 26 * HOUR_MS],
  ])("for a retention of %d ms is %d ms ago", (retentionMs, agoMs) => {
    expect(decideCutoff(retentionMs, NOW)).toBe(NOW - agoMs);
  });
});

describe("mayBeArchived", () => {
  const none = { archivedFrom: null, archivedThrough: null };

  it("is of no order before one has left, and then of those between the first and the last", () => {
    expect(mayBeArchived(none, NOW)).toBe(false);
    const window = widen(widen(widen(none, NOW), NOW - 5), NOW + 5);
    expect([NOW - 6, NOW - 5, NOW, NOW + 5, NOW + 6].map((time) => mayBeArchived(window, time))).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
    expect(mayBeArchived(window, Number.NaN)).toBe(false);
  });
});

describe("findContradiction", () => {
  const row = {
    orderId: "o-1",
    productId: "p-1",
    round: 3,
    buyerId: "b-1",
    status: "expired",
    quantity: 2,
    version: 2,
    paymentId: null,
    holdExpiresAt: NOW,
    createdAt: NOW - 60_000,
    updatedAt: NOW,
  } as const;
  const expected = { productId: "p-1", orderId: "o-1", currentRound: 3 };

  it("finds nothing in a row that can be what left", () => {
    expect(findContradiction(row, expected, { orders: 1, units: 2 })).toBeNull();
    expect(findContradiction(row, { ...expected, currentRound: 4000 }, null)).toBeNull();
  });

  it.each([
    ["another product", { ...row, productId: "p-2" }, { orders: 1, units: 2 }],
    ["another order", { ...row, orderId: "o-2" }, { orders: 1, units: 2 }],
    ["a hold", { ...row, status: "held" as const }, { orders: 1, units: 2 }],
    ["a first version", { ...row, version: 1 }, { orders: 1, units: 2 }],
    ["a later round", { ...row, round: 4 }, { orders: 1, units: 2 }],
    ["no order that left", row, { orders: 0, units: 0 }],
    ["fewer units that left", row, { orders: 1, units: 1 }],
  ])("finds %s", (_name, snapshot, left) => {
    expect(findContradiction(snapshot, expected, left)).not.toBeNull();
  });
});
