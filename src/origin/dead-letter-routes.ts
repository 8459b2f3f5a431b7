/** The operator's routes for dead letters: what failed for good, and sending it once more. */
import type { Context } from "hono";
import { readJson } from "../body.ts";
import { causeOf } from "../cause.ts";
import type { AppEnv } from "../context.ts";
import { describeFault, logEvent } from "../log.ts";
import { callProduct } from "../product-calls.ts";
import { refuse } from "../problem.ts";
import { refused, type Result, ok } from "../result.ts";
import { isStorable } from "../text.ts";
import { emptyRequest } from "../wire/requests.ts";
import { openDatabase } from "./database.ts";
import { listDeadLetters, replayDeadLetter } from "./dead-letters.ts";

/** Letters in one answer, the oldest first. */
const LETTERS_MAX = 200;
const RETRY_AFTER_SECONDS = 5;

/** GET /v1/admin/dead-letters */
export function listDeadLettersForOperator() {
  return async function listWaitingDeadLetters(c: Context<AppEnv>): Promise<Response> {
    const letters = await inDatabase(c, (sql) => listDeadLetters(sql, { limit: LETTERS_MAX }));
    if (!letters.ok) return refuse(c, letters.refusal);
    c.header("Cache-Control", "no-store");
    return c.json({ deadLetters: letters.value });
  };
}

/** POST /v1/admin/dead-letters/{eventId}/replay */
export function replayDeadLetterForOperator() {
  return async function replayOneDeadLetter(c: Context<AppEnv>): Promise<Response> {
    const body = await readJson(c, emptyRequest, {});
    if (!body.ok) return refuse(c, body.refusal);
    const eventId = c.req.param("eventId") ?? "";
    if (!isStorable(eventId)) return refuse(c, { code: "not-found" });
    const replayed = await inDatabase(c, (sql) => replayDeadLetter(c.env, sql, eventId));
    if (!replayed.ok) return refuse(c, replayed.refusal);
    if (replayed.value === null) return refuse(c, { code: "not-found" });
    const { productId, replayedAt } = replayed.value;
    await recordReplay(c, productId, eventId);
    return c.json({ eventId, replayedAt }, 202);
  };
}

/** The replay stands in the log, and in the audit list of the product that the event belongs to. */
async function recordReplay(c: Context<AppEnv>, productId: string | null, eventId: string): Promise<void> {
  const cause = causeOf(c);
  logEvent("info", "dead-letter-replayed", { productId, eventId, requestId: cause.requestId });
  if (productId === null) return;
  await callProduct(c.env, productId, "once", (product) => product.record("replay-dead-letter", { eventId }, cause));
}

async function inDatabase<Value>(
  c: Context<AppEnv>,
  work: (sql: ReturnType<typeof openDatabase>) => Promise<Value>,
): Promise<Result<Value>> {
  try {
    return ok(await work(openDatabase(c.env.ORIGIN_DB.connectionString, c.get("config").writer.timeoutMs)));
  } catch (fault) {
    logEvent("error", "database-failed", { requestId: c.get("requestId"), fault: describeFault(fault) });
    const detail = "The origin's database does not answer";
    return refused({ code: "overloaded", retryAfterSeconds: RETRY_AFTER_SECONDS, detail });
  }
}
