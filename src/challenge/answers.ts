/** The answers to challenges, as a buyer sends them in the token request's `challenge`. One schema a kind. */
import * as v from "valibot";
import { CHALLENGE_ID } from "./binding.ts";
import { TICKET_LENGTH_MAX } from "./ticket.ts";

/** Longer ones are no answers. In characters. */
export const TYPED_LENGTH_MAX = 200;
/** Cloudflare's own bound (https://developers.cloudflare.com/turnstile/get-started/server-side-validation/). */
const TURNSTILE_TOKEN_LENGTH_MAX = 2048;

const hex = (bytes: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`), "Must be hex"));
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const ticket = v.pipe(v.string(), v.maxLength(TICKET_LENGTH_MAX));

/** What a proof of work was made for; inside the signature, as everything of the challenge's parameters. */
const powData = v.strictObject({
  id: v.pipe(v.string(), v.regex(CHALLENGE_ID, "Is not a challenge's id")),
  kid: v.pipe(v.string(), v.maxLength(64)),
  gateway: v.pipe(v.string(), v.maxLength(64)),
  buyer: v.pipe(v.string(), v.maxLength(256)),
  product: v.pipe(v.string(), v.maxLength(64)),
  round: whole,
  harder: v.boolean(),
});

/** ALTCHA's own form (https://altcha.org/docs/v2/), so that its widget and libraries can solve it too. */
export const powAnswer = v.strictObject({
  kind: v.literal("pow"),
  challenge: v.strictObject({
    parameters: v.strictObject({
      algorithm: v.literal("PBKDF2/SHA-256"),
      nonce: hex(16),
      salt: hex(16),
      cost: whole,
      keyLength: v.literal(32),
      keyPrefix: hex(16),
      keySignature: hex(32),
      expiresAt: whole,
      data: powData,
    }),
    signature: hex(32),
  }),
  solution: v.strictObject({
    counter: whole,
    derivedKey: hex(32),
    /** How long it took, in ms: ALTCHA's libraries say it. Not believed, not used. */
    time: v.optional(v.number()),
  }),
});

export const quizAnswer = v.strictObject({
  kind: v.literal("quiz"),
  ticket,
  /** The place of the chosen option as it was shown, from 0; or what was typed. */
  answer: v.union([whole, v.pipe(v.string(), v.maxLength(TYPED_LENGTH_MAX))], "Must be a place from 0, or a text"),
});

export const turnstileAnswer = v.strictObject({
  kind: v.literal("turnstile"),
  ticket,
  token: v.pipe(v.string(), v.minLength(1), v.maxLength(TURNSTILE_TOKEN_LENGTH_MAX)),
});

export const challengeAnswer = v.variant("kind", [powAnswer, quizAnswer, turnstileAnswer]);

export type PowAnswer = v.InferOutput<typeof powAnswer>;
export type QuizAnswer = v.InferOutput<typeof quizAnswer>;
export type TurnstileAnswer = v.InferOutput<typeof turnstileAnswer>;
export type ChallengeAnswer = v.InferOutput<typeof challengeAnswer>;
