/** The question bank as the operator writes it: JSON in the secret CHALLENGE_QUIZ, or [[vars.CHALLENGE.quiz]]. */
import * as v from "valibot";
import { ConfigError } from "../config-error.ts";
import { TYPED_LENGTH_MAX } from "./answers.ts";
import { normaliseTyped, type Question } from "./question.ts";

/** More are of no use to a sale, and a secret holds 5 kB. */
const QUESTIONS_MAX = 200;
/** What a phone shows without scrolling. */
const OPTIONS_MAX = 8;

const text = v.pipe(v.string(), v.minLength(1, "Must not be empty"), v.maxLength(500));
const texts = v.strictObject({ en: text, zh: text });

export const QUESTIONS = v.pipe(
  v.array(
    v.strictObject({
      id: v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,64}$/, "Must be 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-'")),
      question: texts,
      options: v.optional(v.pipe(v.array(texts), v.minLength(2, "Must be at least two"), v.maxLength(OPTIONS_MAX))),
      right: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
      codes: v.optional(
        v.pipe(
          v.array(v.pipe(v.string(), v.maxLength(TYPED_LENGTH_MAX))),
          v.minLength(1, "Must hold at least one code"),
        ),
      ),
    }),
  ),
  v.minLength(1, "Must hold at least one question"),
  v.maxLength(QUESTIONS_MAX),
);

/** Options with the place of the right one, or codes: never both. The error names the question by its id. */
export function parseQuestions(key: string, raw: v.InferOutput<typeof QUESTIONS>): readonly Question[] {
  const ids = new Set<string>();
  return raw.map(({ id, question, options, right, codes }) => {
    const at = `${key}.${id}`;
    if (ids.has(id)) throw new ConfigError(at, "Stands there twice");
    ids.add(id);
    if (codes !== undefined) {
      if (options !== undefined || right !== undefined) {
        throw new ConfigError(at, "Must have either options and right, or codes");
      }
      if (codes.some((code) => normaliseTyped(code) === "")) throw new ConfigError(`${at}.codes`, "Must not be blank");
      return { id, question, input: "text", codes };
    }
    if (options === undefined) throw new ConfigError(`${at}.options`, "Is missing, and so is codes");
    if (right === undefined || right >= options.length) {
      throw new ConfigError(`${at}.right`, "Must be the place of the right option, from 0");
    }
    return { id, question, input: "choice", options, right };
  });
}
