/** The operator's questions: which one a buyer gets, in what order its options lie, and whether an answer is right. Pure. */
import type { Language } from "./languages.ts";

export type Texts = Readonly<Record<Language, string>>;

/** An announced code is a question too: one whose answer is typed. */
export type Question = { readonly id: string; readonly question: Texts } & (
  | { readonly input: "choice"; readonly options: readonly Texts[]; readonly right: number }
  /** Any of them is right. */
  | { readonly input: "text"; readonly codes: readonly string[] }
);

const PICK_BITS = 32;

/**
 * The same buyer gets the same question for as long as `digest` is the same (a keyed digest of buyer, product, round and
 * time), so that nobody asks again until a question comes that he knows.
 */
export function decideQuestion(bank: readonly Question[], digest: Uint8Array): Question {
  const pick = new DataView(digest.buffer, digest.byteOffset).getUint32(0) / 2 ** PICK_BITS;
  const question = bank[Math.floor(pick * bank.length)];
  if (question === undefined) throw new RangeError("Expected at least one question, found none");
  return question;
}

/** The places of `count` options in the order in which they are shown. `randoms`: at least 0, below 1, one per option. */
export function decideOrder(count: number, randoms: readonly number[]): readonly number[] {
  const order = Array.from({ length: count }, (_, place) => place);
  return order.toSorted((one, other) => (randoms[one] ?? 0) - (randoms[other] ?? 0));
}

/** Upper and lower case, full and half width, and blanks make no difference to somebody who types. */
export function normaliseTyped(text: string): string {
  return text.normalize("NFKC").replaceAll(/\s/g, "").toLowerCase();
}

/** `order`: as the options were shown. */
export function isRight(question: Question, order: readonly number[], answer: number | string): boolean {
  if (question.input === "choice") return typeof answer === "number" && order[answer] === question.right;
  if (typeof answer !== "string") return false;
  const typed = normaliseTyped(answer);
  return question.codes.some((code) => normaliseTyped(code) === typed);
}
