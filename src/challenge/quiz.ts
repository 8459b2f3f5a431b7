/**
 * The quiz (秒杀答题): a question of the operator's stands before the token. One attempt: the ticket is burned before
 * its answer is judged, so that fifty guesses at once are one guess.
 *
 * The right answer never leaves the gateway; the ticket is encrypted. A guess among four options is right once in four: the
 * quiz spreads a crowd over some seconds and stops scripts that were not made for it. It does not replace a limit.
 */
import * as v from "valibot";
import { ok } from "../result.ts";
import { decideSigningKey } from "../keys/key-ring.ts";
import type { QuizAnswer } from "./answers.ts";
import { type ChallengeContext, FAILED, type VerifyContext, spend, type Verdict } from "./attempt.ts";
import { purposeKey } from "./purpose-key.ts";
import { decideOrder, decideQuestion, isRight, type Question } from "./question.ts";
import { openTicket, sealTicket } from "./ticket.ts";

const RANDOM_RANGE = 2 ** 32;

const CONTENT = v.strictObject({ question: v.string(), order: v.array(v.number()) });

export async function issueQuiz(context: ChallengeContext): Promise<Readonly<Record<string, unknown>>> {
  const { config, binding, language, now } = context;
  if (config.quiz.length === 0) throw new Error("A quiz is asked for, and CHALLENGE_QUIZ holds no question");
  const question = decideQuestion(config.quiz, await digestOf(context));
  const options = question.input === "choice" ? question.options : [];
  const randoms = crypto.getRandomValues(new Uint32Array(options.length));
  const order = decideOrder(
    options.length,
    Array.from(randoms, (random) => random / RANDOM_RANGE),
  );
  const content: v.InferOutput<typeof CONTENT> = { question: question.id, order: [...order] };
  const ticket = await sealTicket(config.keys, "quiz", binding, content, config.lifetimeMs, now);
  return {
    kind: "quiz",
    expiresAt: ticket.expiresAt,
    ticket: ticket.text,
    language,
    input: question.input,
    question: question.question[language],
    ...(question.input === "choice" ? { options: order.map((place) => options[place]?.[language] ?? "") } : {}),
  };
}

export async function verifyQuiz({ ticket, answer }: QuizAnswer, context: VerifyContext): Promise<Verdict> {
  const { config, binding, now } = context;
  const opened = await openTicket(config.keys, "quiz", binding, ticket, now);
  if (opened === null) return FAILED;
  const spent = await spend(context, opened.id);
  if (!spent.ok) return spent;
  const { question: id, order } = v.parse(CONTENT, opened.content);
  // Of a question that was taken out since, or changed in its options, no answer is right.
  const question = config.quiz.find((known) => known.id === id);
  if (question === undefined || optionsOf(question) !== order.length) return FAILED;
  return isRight(question, order, answer) ? ok(null) : FAILED;
}

function optionsOf(question: Question): number {
  return question.input === "choice" ? question.options.length : 0;
}

/** Keyed, so that nobody knows before which question he will get; new with every lifetime of a challenge. */
async function digestOf({ config, binding, now }: ChallengeContext): Promise<Uint8Array> {
  const key = decideSigningKey(config.keys, now);
  if (key === null) throw new Error("No key of CHALLENGE_KEYS may be used now");
  const secret = await purposeKey(key, "question");
  const hmac = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const { buyerId, productId, round } = binding;
  const said = JSON.stringify([buyerId, productId, round, Math.floor(now / config.lifetimeMs)]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", hmac, new TextEncoder().encode(said)));
}
