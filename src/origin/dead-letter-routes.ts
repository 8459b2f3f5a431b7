/** The operator's routes for dead letters: what failed for good, and sending it once more. */
import type { Context } from "hono";
import { readJson } from "../body.ts";
import type { AppEnv } from "../context.ts";
import { refuse } from "../problem.ts";
import { refused, type Result, ok } from "../result.ts";
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
    const replayed = await inDatabase(c, (sql) => replayDeadLetter(c.env, sql, eventId));
    if (!replayed.ok) return refuse(c, replayed.refusal);
    if (replayed.value === null) return refuse(c, { code: "not-found" });
    console.log(JSON.stringify({ event: "dead-letter-replayed", eventId, requestId: c.get("requestId") }));
    return c.json({ eventId, replayedAt: replayed.value }, 202);
  };
}

async function inDatabase<Value>(
  c: Context<AppEnv>,
  work: (sql: ReturnType<typeof openDatabase>) => Promise<Value>,
): Promise<Result<Value>> {
  try {
    return ok(await work(openDatabase(c.env.ORIGIN_DB.connectionString, c.get("config").writer.timeoutMs)));
  } catch (fault) {
    console.error(JSON.stringify({ event: "database-failed", requestId: c.get("requestId"), fault: String(fault) }));
    const detail = "The origin's database does not answer";
    return refused({ code: "overloaded", retryAfterSeconds: RETRY_AFTER_SECONDS, detail });
  }
}
