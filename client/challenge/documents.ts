/** Challenges as the gateway puts them: what a `challenge-required` refusal carries in `challenge`. */
import type { Challenge as PowPuzzle } from "altcha-lib";
import { isFields } from "../documents.ts";

/** Work for the machine; ALTCHA's own form. */
export interface PowChallenge {
  readonly kind: "pow";
  readonly challenge: PowPuzzle;
}

/** A question for the buyer. */
export interface QuizChallenge {
  readonly kind: "quiz";
  readonly ticket: string;
  /** BCP 47: what the texts are written in. */
  readonly language: string;
  readonly question: string;
  /** Without options the answer is typed. */
  readonly options?: readonly string[];
  readonly expiresAt: number;
}

/** Cloudflare's widget. */
export interface TurnstileChallenge {
  readonly kind: "turnstile";
  readonly ticket: string;
  readonly siteKey: string;
  readonly action: string;
  readonly cData: string;
}

export type Challenge = PowChallenge | QuizChallenge | TurnstileChallenge;

/** Undefined: it is none that this page knows. */
export function parseChallenge(value: unknown): Challenge | undefined {
  if (!isFields(value)) return undefined;
  if (value["kind"] === "pow") return parsePow(value);
  if (value["kind"] === "quiz") return parseQuiz(value);
  return value["kind"] === "turnstile" ? parseTurnstile(value) : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function parsePow({ challenge }: Fields): PowChallenge | undefined {
  if (!isFields(challenge) || !isFields(challenge["parameters"]) || !isText(challenge["signature"])) return undefined;
  const { algorithm, nonce, salt, keyPrefix, cost } = challenge["parameters"];
  if (![algorithm, nonce, salt, keyPrefix].every(isText) || typeof cost !== "number") return undefined;
  // Handed back as it came: the signature is over all of it.
  return { kind: "pow", challenge: challenge as unknown as PowPuzzle };
}

function parseQuiz({ ticket, language, question, options, expiresAt }: Fields): QuizChallenge | undefined {
  if (!isText(ticket) || !isText(language) || !isText(question) || typeof expiresAt !== "number") return undefined;
  const quiz = { kind: "quiz", ticket, language, question, expiresAt } as const;
  if (options === undefined) return quiz;
  return Array.isArray(options) && options.every(isText) ? { ...quiz, options } : undefined;
}

function parseTurnstile({ ticket, siteKey, action, cData }: Fields): TurnstileChallenge | undefined {
  if (!isText(ticket) || !isText(siteKey) || !isText(action) || !isText(cData)) return undefined;
  return { kind: "turnstile", ticket, siteKey, action, cData };
}
