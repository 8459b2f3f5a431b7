/**
 * How many different buyers a client came with within a window, by its address or its fingerprint: exact, by a limiter object.
 *
 * Two limits in one call, all or nothing: one unit for this buyer at this client, and one of the client's thousand. A buyer who
 * is new takes of both; one who was seen takes of neither. So what is left of the thousand says how many there were.
 */
import type { LimiterApi, TakeCheck } from "../../durable-objects/limiter/protocol.ts";
import { describeFault, logEvent } from "../log.ts";
import { withTimeLimit } from "../waiting.ts";
import type { AccountCount, AccountSource } from "./account-memory.ts";

/** Counted up to so many; who has more is as suspect as can be. The most that a sliding log takes. */
export const ACCOUNTS_MAX = 1000;
/** Objects of each kind that the clients are spread over. */
const SHARDS = 32;
/** A buyer waits for this: without an answer in time the signal stays silent. */
const BUDGET_MS = 250;

/** Null: it could not be counted. */
export async function countAccounts(
  env: Env,
  { kind, value }: AccountSource,
  buyerId: string,
  windowMs: number,
): Promise<AccountCount | null> {
  // Kinds apart, so that a fingerprint which many share is not in the way of the addresses.
  const limiter = env.LIMITER.getByName(`accounts-${kind}-${shardOf(value)}`) as unknown as LimiterApi;
  try {
    const answer = await withTimeLimit(
      limiter.take([
        checkOf(`account-at-${kind}`, JSON.stringify([value, buyerId]), 1, windowMs),
        checkOf(`accounts-at-${kind}`, value, ACCOUNTS_MAX, windowMs),
      ]),
      BUDGET_MS,
      () => new Error(`No answer within ${BUDGET_MS} ms`),
    );
    const counted = answer.answers[1];
    if (counted === undefined) return null;
    return { accounts: ACCOUNTS_MAX - counted.remaining, fullForMs: counted.allowed ? 0 : counted.waitMs };
  } catch (fault) {
    logEvent("warn", "risk-signal-missing", { signal: `accounts-per-${kind}`, fault: describeFault(fault) });
    return null;
  }
}

function checkOf(policy: string, key: string, limit: number, windowMs: number): TakeCheck {
  return { policy, key, limit, windowMs, algorithm: "sliding-log", burst: limit, cost: 1, shadow: false };
}

/** FNV-1a: spreads, no more; who aims at one object slows his own signal down. */
function shardOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % SHARDS;
}
