/**
 * The accounts of a request's address, counted in the call that the address's limits make: the same object keeps both
 * (decision 0032). Where the limits make none the risk stage asks by itself.
 *
 * What that gives up: whom a later guard refuses, or his own limit in another object, has been counted as one who came.
 */
import type { Context } from "hono";
import type { CheckAnswer, TakeCheck } from "../../durable-objects/limiter/protocol.ts";
import type { BuyerEnv } from "../context.ts";
import type { AccountCount } from "./account-memory.ts";
import { readAccount } from "./claims.ts";
import { accountChecks, readCount, reportMissing } from "./count-accounts.ts";
import { isEligible } from "./decide-risk.ts";
import { accountMemoryOf } from "./observe-accounts.ts";

/** What the limits' call said of the address's accounts; null: nothing; not there: it was not asked. */
export interface CountedAlong {
  readonly countedAlong?: AccountCount | null;
}

type AlongEnv = BuyerEnv & { Variables: BuyerEnv["Variables"] & { countedAlong?: AccountCount | null } };

export interface AccountsAlong {
  readonly checks: readonly TakeCheck[];
  readonly tell: (answers: readonly CheckAnswer[] | null) => void;
}

/** Null: nobody has to ask. Behind the proof of who the buyer is; sets `countedAlong` as soon as it is told. */
export function accountsAlong(c: Context<AlongEnv>): AccountsAlong | null {
  const { risk } = c.get("config");
  if (risk.mode === "off" || risk.signals["accounts-per-address"].weight === 0) return null;
  const { id, claims } = c.get("buyer");
  const now = Date.now();
  if (!isEligible(readAccount(claims, risk.claims, now), risk.eligibility)) return null;
  const memory = accountMemoryOf(risk);
  const source = { kind: "address", value: c.get("client").key } as const;
  if (memory.recall(source, id, now) !== undefined) return null;
  return {
    checks: accountChecks(source, id, risk.windowMs),
    tell(answers) {
      const counted = answers === null ? null : readCount(answers);
      if (counted === null) reportMissing(source.kind, "The limits of the address were not answered");
      else memory.remember(source, id, counted, now);
      c.set("countedAlong", counted);
    },
  };
}
