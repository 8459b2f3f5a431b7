/**
 * Single use: a challenge's id is counted once, exactly, in a limiter object (limit 1), and the mark is on disk before the
 * object answers: one that crashes forgets no answer that was accepted.
 *
 * Ids are random, so that objects share them evenly. A call that takes too long, or an object that is busy or gone, is `failed`:
 * the id may be used up then, and its buyer solves another. It is not asked again here, because a second question would be told
 * `used` by the first one's own mark.
 */
import * as v from "valibot";
import type { TakeCheck } from "../../durable-objects/limiter/protocol.ts";
import { describeFault, logEvent } from "../log.ts";
import type { BurnOutcome } from "./attempt.ts";

/** What this module needs of the bindings. */
export interface BurnStore {
  readonly LIMITER: { getByName(name: string): { take(checks: readonly TakeCheck[]): Promise<unknown> } };
}

/** As `requireChallenge` takes it. */
export type Burn = (env: BurnStore, id: string, ttlMs: number) => Promise<BurnOutcome>;

/** Objects of their own, beside those that count: a crowd at the opening solves some thousand challenges a second. */
const SHARDS = 32;
/** An object may be on another continent; beyond this a buyer is better told to come again. Milliseconds. */
const BUDGET_MS = 1_000;

/** One unit, ever, within the window. */
const ONCE = {
  policy: "challenge-burn",
  algorithm: "sliding-log",
  limit: 1,
  burst: 1,
  cost: 1,
  shadow: false,
  durable: true,
} as const;

/** A stub's answer crossed a process: another version of the object may have given it. */
const ANSWER = v.pipe(v.string(), v.parseJson(), v.object({ taken: v.boolean() }));

export interface BurnOptions {
  /** Of one call, in ms. @default 1000 */
  readonly budgetMs?: number;
}

/** A `Burn` with limiter objects. `ttlMs` has to be always the same: a shorter window would let an older mark end sooner. */
export function burnInLimiter({ budgetMs = BUDGET_MS }: BurnOptions = {}): Burn {
  return async function burnInLimiterObject(env, id, ttlMs) {
    const tooLate = Promise.withResolvers<null>();
    const timer = setTimeout(() => tooLate.resolve(null), budgetMs);
    try {
      const limiter = env.LIMITER.getByName(objectNameOf(id));
      const answer = await Promise.race([limiter.take([checkOf(id, ttlMs)]), tooLate.promise]);
      const read = v.safeParse(ANSWER, answer);
      if (read.success) return read.output.taken ? "burned" : "used";
      logEvent("error", "challenge-burn-failed", { reason: answer === null ? "timeout or busy" : "garbage" });
      return "failed";
    } catch (fault) {
      logEvent("error", "challenge-burn-failed", { reason: describeFault(fault) });
      return "failed";
    } finally {
      clearTimeout(timer);
    }
  };
}

function checkOf(key: string, windowMs: number): TakeCheck {
  return { ...ONCE, key, windowMs };
}

/** By the id's first byte: it is random. */
function objectNameOf(id: string): string {
  const [first = 0] = Uint8Array.fromBase64(id, { alphabet: "base64url" });
  return `limiter-challenge-${first % SHARDS}`;
}
