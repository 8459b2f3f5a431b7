/**
 * How many different buyers a client came with within a window, by its address or its fingerprint: exact, by a limiter object.
 *
 * Two counts, taken together or not at all: one unit for this buyer at this client, and one of the client's thousand. A buyer who
 * is new takes of both; one who was seen takes of neither. So what is left of the thousand says how many there were.
 */
import type { CheckAnswer, LimiterApi, TakeCheck } from "../../durable-objects/limiter/protocol.ts";
import { fnv1a } from "../fnv1a.ts";
import { describeFault, logEvent } from "../log.ts";
import { unpack } from "../packed.ts";
import { withTimeLimit } from "../waiting.ts";
import type { AccountCount, AccountSource } from "./account-memory.ts";

/** Counted up to so many; who has more is as suspect as can be. The most that a sliding log takes. */
export const ACCOUNTS_MAX = 1000;
/** Objects that the fingerprints are spread over. */
const SHARDS = 32;
/** A buyer waits for this: without an answer in time the signal stays silent. */
const BUDGET_MS = 250;

/** What has to be asked of a limiter object. Names that no policy can have: an address's are counted beside its limits. */
export function accountChecks({ kind, value }: AccountSource, buyerId: string, windowMs: number): readonly TakeCheck[] {
  return [
    checkOf(`risk.account-at-${kind}`, JSON.stringify([value, buyerId]), 1, windowMs),
    checkOf(`risk.accounts-at-${kind}`, value, ACCOUNTS_MAX, windowMs),
  ];
}

/** @param answers to `accountChecks()`. Null: they say nothing. */
export function readCount(answers: readonly CheckAnswer[]): AccountCount | null {
  const counted = answers[1];
  if (counted === undefined) return null;
  return { accounts: ACCOUNTS_MAX - counted.remaining, fullForMs: counted.allowed ? 0 : counted.waitMs };
}

/**
 * Null: it could not be counted.
 *
 * @param objectName where the client is counted: always the same for the same one.
 */
export async function countAccounts(
  env: Env,
  objectName: string,
  source: AccountSource,
  buyerId: string,
  windowMs: number,
): Promise<AccountCount | null> {
  const limiter = env.LIMITER.getByName(objectName) as unknown as LimiterApi;
  try {
    const answer = await withTimeLimit(
      limiter.take(accountChecks(source, buyerId, windowMs)),
      BUDGET_MS,
      () => new Error(`No answer within ${BUDGET_MS} ms`),
    );
    return readCount(unpack(answer).answers);
  } catch (fault) {
    reportMissing(source.kind, describeFault(fault));
    return null;
  }
}

/** One line for a count that could not be had. */
export function reportMissing(kind: AccountSource["kind"], fault: string): void {
  logEvent("warn", "risk-signal-missing", { signal: `accounts-per-${kind}`, fault });
}

/** Objects of their own, so that a fingerprint which many share is not in the way of anything else. Who aims at one slows his own signal down. */
export function objectOfFingerprint(fingerprint: string): string {
  return `accounts-fingerprint-${fnv1a(fingerprint) % SHARDS}`;
}

function checkOf(policy: string, key: string, limit: number, windowMs: number): TakeCheck {
  const together = "accounts";
  return { policy, key, limit, windowMs, algorithm: "sliding-log", burst: limit, cost: 1, shadow: true, together };
}
