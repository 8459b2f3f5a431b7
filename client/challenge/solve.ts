/**
 * Solves what a `challenge-required` refusal asks for: `/challenge.js`, a second script that the page loads only when a sale has
 * challenges, so that every other buyer's page stays as small as it was.
 *
 *     const { solve } = await import("/challenge.js");
 *     startSale({ ..., solveChallenge: (challenge) => solve(challenge, { language: "en", now: clock.now }) });
 */
import { parseChallenge } from "./documents.ts";
import { solvePow } from "./pow.ts";
import { askQuiz } from "./quiz.ts";
import { askTurnstile } from "./turnstile.ts";
import { challengeWordsFor } from "./words.ts";

export { ChallengeLeft } from "./dialog.ts";

export interface SolveOptions {
  /** BCP 47; English where it is neither English nor Chinese. */
  readonly language: string;
  /** The gateway's time in milliseconds, if known. */
  readonly now: () => number | undefined;
}

/**
 * The answer, as the token request takes it in `challenge`. Rejects with `ChallengeLeft` when the buyer closed the dialog, and
 * with another error when the challenge cannot be solved here.
 */
export async function solve(challenge: unknown, { language, now }: SolveOptions): Promise<unknown> {
  const known = parseChallenge(challenge);
  const words = challengeWordsFor(language);
  switch (known?.kind) {
    case "pow":
      return { kind: "pow", challenge: known.challenge, solution: await solvePow(known) };
    case "quiz":
      return { kind: "quiz", ticket: known.ticket, answer: await askQuiz(known, words, now()) };
    case "turnstile":
      return { kind: "turnstile", ticket: known.ticket, token: await askTurnstile(known, words) };
    case undefined:
      throw new Error("The challenge must be of a kind that this page knows, and is not");
  }
}
