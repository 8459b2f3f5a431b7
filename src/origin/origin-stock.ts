/** Preheat, as the operator's stage asks for it: the origin's own stock for a round, and giving it back after a refusal. */
import type { Config } from "../config.ts";
import { describeFault, logEvent } from "../log.ts";
import { ok, refused, type Result } from "../result.ts";
import { type Database, openDatabase } from "./database.ts";
import { giveStockBack, NewerRound, type RoundOfProduct, takeStock } from "./preheat.ts";

/** What an operator is asked to wait when the origin's database does not answer. */
const RETRY_AFTER_SECONDS = 5;

function databaseOf(env: Env, { writer }: Config): Database {
  return openDatabase(env.ORIGIN_DB.connectionString, writer.timeoutMs);
}

/** The units that the round has of the origin's own; the same again for the same round. */
export async function takeOriginStock(env: Env, config: Config, round: RoundOfProduct): Promise<Result<number>> {
  try {
    const taken = await takeStock(databaseOf(env, config), round);
    if (taken !== null) return ok(taken);
  } catch (fault) {
    if (fault instanceof NewerRound) return refused({ code: "wrong-state", status: "closed", detail: fault.message });
    logEvent("error", "preheat-failed", { ...round, fault: describeFault(fault) });
    const detail = "The origin's stock could not be taken; whatever was taken a second try finds again";
    return refused({ code: "overloaded", retryAfterSeconds: RETRY_AFTER_SECONDS, detail });
  }
  const message = "The origin has no row for this product in its table products";
  return refused({ code: "invalid-request", errors: [{ path: "stock", message }] });
}

/** After the product refused the round that the units were taken for. If it fails, the units wait in the row for the next preheat. */
export async function giveOriginStockBack(env: Env, config: Config, round: RoundOfProduct): Promise<void> {
  try {
    await giveStockBack(databaseOf(env, config), round);
  } catch (fault) {
    logEvent("error", "preheat-not-undone", { ...round, fault: describeFault(fault) });
  }
}
