/** Solves the gateway's proof of work as a page does, by ALTCHA's own library, and counts the trials. */
import { pbkdf2Sync } from "node:crypto";
import { solveChallenge } from "altcha-lib";
import * as v from "valibot";
import { StartError } from "../../gateway/start-error.ts";

export interface Proof {
  /** As the token request takes it in `challenge`. */
  readonly answer: Readonly<Record<string, unknown>>;
  /** Keys that were derived to find it. */
  readonly trials: number;
}

const KEY_BYTES = 32;

const powChallenge = v.object({
  kind: v.literal("pow"),
  challenge: v.looseObject({
    parameters: v.looseObject({
      algorithm: v.literal("PBKDF2/SHA-256"),
      nonce: v.string(),
      salt: v.string(),
      cost: v.number(),
      keyLength: v.literal(KEY_BYTES),
      keyPrefix: v.string(),
    }),
    signature: v.string(),
  }),
});

/**
 * @param challenge as a `challenge-required` refusal carries it.
 * @throws StartError where the gateway asks for something else: then the attack is not the one that is told.
 */
export async function solveProof(challenge: unknown): Promise<Proof> {
  const parsed = v.safeParse(powChallenge, challenge);
  if (!parsed.success) throw new StartError("The gateway asks for a challenge that is no proof of work");
  const asked = parsed.output.challenge;
  const solution = await solveChallenge({
    challenge: asked,
    // In this thread: a few milliseconds at the most, and the pool's detour takes longer than a small trial.
    deriveKey: (parameters, salt, password) =>
      Promise.resolve({ derivedKey: pbkdf2Sync(password, salt, parameters.cost, KEY_BYTES, "sha256") }),
  });
  if (solution === null) throw new StartError("A proof of work was not found within 90 s");
  const { counter, derivedKey } = solution;
  return { answer: { kind: "pow", challenge: asked, solution: { counter, derivedKey } }, trials: counter + 1 };
}
