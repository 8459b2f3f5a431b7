/** What every kind of challenge is given to issue one, and to judge an answer. */
import type { RefusalOf } from "../refusal.ts";
import { ok, refused, type Result } from "../result.ts";
import type { Binding } from "./binding.ts";
import type { ChallengeConfig } from "./challenge-config.ts";
import type { Language } from "./languages.ts";

export interface ChallengeContext {
  readonly config: ChallengeConfig;
  readonly binding: Binding;
  /** Whether more is asked than of others. */
  readonly harder: boolean;
  /** Token requests per second in this isolate. */
  readonly pressurePerSecond: number;
  readonly language: Language;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** `burned`: now, by this call, and by no other ever. `used`: before. `failed`: nobody knows. */
export type BurnOutcome = "burned" | "used" | "failed";

export interface VerifyContext extends ChallengeContext {
  /** Uses a challenge up: of all calls with one id exactly one is told `burned`. */
  readonly burn: (id: string) => Promise<BurnOutcome>;
}

export type ChallengeRefusal = RefusalOf<"challenge-failed" | "limiter-unavailable" | "overloaded">;

export type Verdict = Result<null, ChallengeRefusal>;

/** Wrong, over, used before or another's: a client is not told which. */
export const FAILED: Verdict = refused({ code: "challenge-failed" });

/** What a client is asked to wait when it is unknown whether a challenge was used. Seconds. */
const RETRY_AFTER_SECONDS = 1;

/** Goes on only where this call used the challenge up. Doubt closes the door. */
export async function spend(context: VerifyContext, id: string): Promise<Verdict> {
  const outcome = await context.burn(id);
  if (outcome === "burned") return ok(null);
  if (outcome === "used") return FAILED;
  return refused({ code: "limiter-unavailable", retryAfterSeconds: RETRY_AFTER_SECONDS });
}
