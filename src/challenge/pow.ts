/**
 * Proof of work: a browser tries counters until one derives the wanted key. A price per request, not a proof of a person.
 *
 * ALTCHA's protocol by its own library (https://altcha.org): PBKDF2 from WebCrypto on both sides. The gateway draws the
 * counter and signs everything (difficulty, end, buyer, product, round), so nothing that comes back is believed
 * unsigned. To issue one costs the gateway one derivation, to verify one an HMAC or two.
 */
import { createChallenge, verifySolution } from "altcha-lib";
import { deriveKey } from "altcha-lib/algorithms/web/pbkdf2";
import { decideSigningKey, decideVerifyingKey } from "../keys/key-ring.ts";
import type { HmacKey } from "../keys/key-config.ts";
import type { PowAnswer } from "./answers.ts";
import { type ChallengeContext, FAILED, type VerifyContext, spend, type Verdict } from "./attempt.ts";
import { isSameBinding, makeChallengeId } from "./binding.ts";
import { purposeKey } from "./purpose-key.ts";
import { decideCounter, decideTrials } from "./work.ts";

const ALGORITHM = "PBKDF2/SHA-256";
/** Of the derived key; the first half is told as what has to be met, the other half proves that it was derived. Bytes. */
const KEY_BYTES = 32;
const RANDOM_RANGE = 2 ** 32;

export async function issuePow(context: ChallengeContext): Promise<Readonly<Record<string, unknown>>> {
  const { config, binding, harder, now } = context;
  const key = decideSigningKey(config.keys, now);
  if (key === null) throw new Error("No key of CHALLENGE_KEYS may be used now");
  const trials = decideTrials(config.pow, context.pressurePerSecond, harder);
  const expiresAt = Math.floor((now + config.lifetimeMs) / 1000);
  const challenge = await createChallenge({
    algorithm: ALGORITHM,
    counter: decideCounter(trials, randomShare()),
    cost: config.pow.iterations,
    keyLength: KEY_BYTES,
    expiresAt,
    data: {
      id: makeChallengeId(),
      kid: key.kid,
      gateway: binding.gateway,
      buyer: binding.buyerId,
      product: binding.productId,
      round: binding.round,
      harder,
    },
    deriveKey,
    ...(await secretsOf(key)),
  });
  return { kind: "pow", expiresAt: expiresAt * 1000, challenge };
}

export async function verifyPow(answer: PowAnswer, context: VerifyContext): Promise<Verdict> {
  const { challenge, solution } = answer;
  const { data, expiresAt } = challenge.parameters;
  const key = decideVerifyingKey(context.config.keys, data.kid, context.now);
  if (key === null || context.now >= expiresAt * 1000) return FAILED;
  const { counter, derivedKey } = solution;
  const { verified } = await verifySolution({
    challenge,
    solution: { counter, derivedKey },
    deriveKey,
    ...(await secretsOf(key)),
  });
  if (!verified) return FAILED;
  const { gateway, buyer, product, round } = data;
  if (!isSameBinding({ gateway, buyerId: buyer, productId: product, round }, context.binding)) return FAILED;
  // What was solved for less is not taken where more is asked.
  if (context.harder && !data.harder) return FAILED;
  return spend(context, data.id);
}

/** Two keys: one signs the challenge, the other the derived key, so that neither signature passes for the other. */
async function secretsOf(key: HmacKey) {
  const [hmacSignatureSecret, hmacKeySignatureSecret] = await Promise.all([
    purposeKey(key, "pow"),
    purposeKey(key, "pow-solution"),
  ]);
  return {
    hmacSignatureSecret: hmacSignatureSecret.toHex(),
    hmacKeySignatureSecret: hmacKeySignatureSecret.toHex(),
  };
}

function randomShare(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / RANDOM_RANGE;
}
