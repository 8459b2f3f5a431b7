/** The bodies that the gateway takes. One schema each: it validates, and the OpenAPI document is made from it. */
import * as v from "valibot";
import { challengeAnswer } from "../challenge/answers.ts";
import { CHALLENGE_KINDS } from "../challenge/kinds.ts";
import { isStorable } from "../text.ts";

/** Far beyond any flash sale, and far below where sums of them would be inexact. In units. */
const UNITS_MAX = 1_000_000_000;
/** One order's units: all or nothing. */
const ORDER_UNITS_MAX = 10_000;
/** Milliseconds since the epoch; a value in seconds is far below the least. 2001-09-09 to 2286-11-20. */
const AT_MIN = 1_000_000_000_000;
const AT_MAX = 9_999_999_999_999;

const units = (least: number, most: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most));

const at = v.pipe(
  v.number(),
  v.safeInteger(),
  v.minValue(AT_MIN, "Must be in milliseconds since the epoch"),
  v.maxValue(AT_MAX, "Must be in milliseconds since the epoch"),
);

/** What is taken here must get through to Postgres. */
const storable = v.check(isStorable, "Must be well-formed text without U+0000");

export const tokenRequest = v.strictObject({
  challenge: v.optional(challengeAnswer),
});

export const checkoutRequest = v.strictObject({ quantity: units(1, ORDER_UNITS_MAX) });

/** A buyer's cancellation has nothing to say. */
export const emptyRequest = v.strictObject({});

const reference = v.pipe(v.string(), v.minLength(1), v.maxLength(200), storable);

export const paymentRequest = v.strictObject({ paymentId: reference });

export const originCancelRequest = v.strictObject({
  reason: v.optional(v.pipe(v.string(), v.maxLength(1000), storable)),
});

export const productRequest = v.pipe(
  v.strictObject({
    title: v.pipe(v.string(), v.minLength(1), v.maxLength(200), storable),
    price: v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(1e15)),
    currency: v.pipe(
      v.string(),
      v.regex(/^[A-Za-z]{3}$/, "Must be an ISO 4217 code of three letters"),
      v.toUpperCase(),
    ),
    stock: v.union([units(0, UNITS_MAX), v.literal("origin")], 'Must be a whole number of units, or "origin"'),
    opensAt: at,
    closesAt: at,
    perBuyerLimit: units(1, UNITS_MAX),
    holdSeconds: units(1, 86_400),
    challenges: v.optional(
      v.pipe(
        v.array(v.picklist(CHALLENGE_KINDS, `Must be one of ${CHALLENGE_KINDS.join(", ")}`)),
        v.maxLength(CHALLENGE_KINDS.length),
        v.check((kinds) => new Set(kinds).size === kinds.length, "Must not name a kind twice"),
      ),
      [],
    ),
  }),
  v.forward(
    v.check(({ opensAt, closesAt }) => closesAt > opensAt, "Must be later than opensAt"),
    ["closesAt"],
  ),
);

export const stockRequest = v.strictObject({
  delta: v.pipe(
    v.number(),
    v.safeInteger(),
    v.minValue(-UNITS_MAX),
    v.maxValue(UNITS_MAX),
    v.check((delta) => delta !== 0, "Must not be zero"),
  ),
});

/** The demo's stand-in for a shop's sign-in. */
export const demoIdentityRequest = v.strictObject({
  buyerId: v.pipe(v.string(), v.minLength(1), v.maxLength(256), storable),
});
