/** Preheat, as the operator's stage asks for it: the origin's own stock for a round, or a refusal that says what is missing. */
import type { Config } from "../config.ts";
import { refused, type Result, ok } from "../result.ts";
import { openDatabase } from "./database.ts";
import { takeStock } from "./preheat.ts";

/** What an operator is asked to wait when the origin's database does not answer. */
const RETRY_AFTER_SECONDS = 5;

export async function takeOriginStock(
  env: Env,
  { writer }: Config,
  productId: string,
  round: number,
): Promise<Result<number>> {
  try {
    const taken = await takeStock(openDatabase(env.ORIGIN_DB.connectionString, writer.timeoutMs), { productId, round });
    if (taken !== null) return ok(taken);
  } catch (fault) {
    console.error(JSON.stringify({ event: "preheat-failed", productId, round, fault: String(fault) }));
    const detail = "The origin's database does not answer; nothing was changed that a second try would not find again";
    return refused({ code: "overloaded", retryAfterSeconds: RETRY_AFTER_SECONDS, detail });
  }
  const message = "The origin has no row for this product in its table products";
  return refused({ code: "invalid-request", errors: [{ path: "stock", message }] });
}
