import { describe, expect, test } from "vitest";
import { parseMaxAge, parseRefusal, parseRetryAfter } from "../../client/outcome.ts";
import { problem } from "./fake-surroundings.ts";

async function read(response: Response) {
  return parseRefusal(response, await response.json());
}

describe("parseRefusal", () => {
  test.each([
    [problem(409, "buyer-limit", { perBuyerLimit: 2 }), { code: "buyer-limit", perBuyerLimit: 2 }],
    [
      problem(409, "hold-open", { statusUrl: "/v1/products/demo/orders/o" }, 4),
      { code: "hold-open", statusUrl: "/v1/products/demo/orders/o", retryAfterMs: 4_000 },
    ],
    [problem(429, "hoarding", {}, 600), { code: "hoarding", retryAfterMs: 600_000 }],
    [problem(401, "proof-required"), { code: "proof-required", httpStatus: 401 }],
    [problem(409, "held-out", { nextReleaseAt: 5 }, 3), { code: "held-out", nextReleaseAt: 5, retryAfterMs: 3_000 }],
    [problem(425, "too-early", { opensAt: 9 }, 2), { code: "too-early", opensAt: 9, retryAfterMs: 2_000 }],
    [problem(409, "wrong-state", { orderStatus: "paid" }), { code: "wrong-state", orderStatus: "paid" }],
    [problem(409, "wrong-state", { status: "paid" }), { code: "wrong-state", orderStatus: "paid" }],
    [problem(403, "challenge-required", { challenge: { a: 1 } }), { code: "challenge-required", challenge: { a: 1 } }],
    [problem(410, "sold-out"), { code: "sold-out", httpStatus: 410 }],
    [problem(503, "limiter-unavailable", {}, 1), { code: "limiter-unavailable", retryAfterMs: 1_000 }],
  ])("carries what belongs to the code: %#", async (response, expected) => {
    expect(await read(response)).toMatchObject(expected);
  });

  test("an unknown code is unexpected, and keeps its HTTP status", async () => {
    expect(await read(problem(500, "internal"))).toMatchObject({ code: "unexpected", httpStatus: 500 });
    expect(parseRefusal(new Response("<html>", { status: 502 }), undefined)).toMatchObject({ code: "unexpected" });
  });

  test("a field of the wrong type is left out", async () => {
    expect(await read(problem(425, "too-early", { opensAt: "now" }))).not.toHaveProperty("opensAt");
    const elsewhere = problem(409, "hold-open", { statusUrl: "https://elsewhere.example/v1/" });
    expect(await read(elsewhere)).not.toHaveProperty("statusUrl");
  });

  test("names the request, for the operator", () => {
    const response = new Response("{}", { status: 500, headers: { "X-Request-Id": "r-1" } });
    expect(parseRefusal(response, {})).toMatchObject({ requestId: "r-1" });
  });
});

test.each([
  ["7", 7_000],
  [" 0 ", 0],
  [null, undefined],
  ["-1", undefined],
  ["1.5", undefined],
  ["Sun, 22 Nov 2026 02:00:00 GMT", undefined],
])("parseRetryAfter of %j is %j", (header, expected) => {
  expect(parseRetryAfter(header)).toBe(expected);
});

test.each([
  ["public, max-age=1", 1_000],
  ["max-age=60", 60_000],
  ["public, s-maxage=60", 0],
  ["no-store", 0],
  [null, 0],
])("parseMaxAge of %j is %j", (header, expected) => {
  expect(parseMaxAge(header)).toBe(expected);
});
