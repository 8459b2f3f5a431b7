/** Challenges, whatever their kind: issue one, and verify the answer to it. */
import type { ChallengeAnswer } from "./answers.ts";
import type { ChallengeContext, VerifyContext, Verdict } from "./attempt.ts";
import type { ChallengeKind } from "./kinds.ts";
import { issuePow, verifyPow } from "./pow.ts";
import { issueQuiz, verifyQuiz } from "./quiz.ts";
import { issueTurnstile, verifyTurnstile } from "./turnstile.ts";

/**
 * What the browser gets: `kind`, `expiresAt` (ms since the epoch), and what the kind needs.
 *
 * @throws Error where the gateway is not set up for the kind
 */
export function issue(kind: ChallengeKind, context: ChallengeContext): Promise<Readonly<Record<string, unknown>>> {
  switch (kind) {
    case "pow":
      return issuePow(context);
    case "quiz":
      return issueQuiz(context);
    case "turnstile":
      return issueTurnstile(context);
  }
}

/** Whether an answer is right, in time, for this buyer, product, round and gateway, and used now for the first time. */
export function verify(answer: ChallengeAnswer, context: VerifyContext): Promise<Verdict> {
  switch (answer.kind) {
    case "pow":
      return verifyPow(answer, context);
    case "quiz":
      return verifyQuiz(answer, context);
    case "turnstile":
      return verifyTurnstile(answer, context);
  }
}
