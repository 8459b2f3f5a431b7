/**
 * Answers, and the headers that each of them has.
 *
 * An answer's headers go to the platform once: as one record, or, where many answers have them alike, as `Headers` that were made
 * before, which it copies without looking at each again (decision 0037). Each that is set later, on an answer or through hono, is a
 * call of its own, and an answer's `Headers` are an object that the platform has to track (decisions 0033 and 0035). Whoever answers
 * by hono's own means (`c.json()`) is right, too: admission adds there what is missing.
 */
import type { Context } from "hono";
import type { AppEnv } from "./context.ts";

export type AnswerHeaders = Readonly<Record<string, string>>;

const REQUEST_ID = "X-Request-Id";

/**
 * For answers that are data: nothing in them may run, be framed or be guessed at (OWASP REST Security Cheat Sheet). What
 * speaks to a browser about the whole host (Strict-Transport-Security) or about pages the sale page's answers say.
 */
const SECURITY_HEADERS = {
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
};

/** Of what is true at this moment only. */
export const UNCACHED: AnswerHeaders = { "Cache-Control": "no-store" };

/** Headers that many answers have alike, with those that every answer has. Made once, for as long as the isolate lives. */
export function alike(headers: AnswerHeaders): Headers {
  return new Headers({ ...SECURITY_HEADERS, ...headers });
}

/** An answer with everything that an answer of ours has. `headers`: its own, or those that it has alike with others. */
export function answer(c: Context, body: string | null, status: number, headers: AnswerHeaders | Headers): Response {
  const made = new Response(body, { status, headers: withRequestId(c, headers) });
  noteAnswer(c, made);
  return made;
}

/** Of those that are alike only the id is set here, each time anew: the answer has a copy of its own. */
function withRequestId(c: Context, headers: AnswerHeaders | Headers): AnswerHeaders | Headers {
  if (!(headers instanceof Headers)) return { [REQUEST_ID]: requestIdOf(c), ...SECURITY_HEADERS, ...headers };
  headers.set(REQUEST_ID, requestIdOf(c));
  return headers;
}

const JSON_TYPE: AnswerHeaders = { "Content-Type": "application/json" };

/** The same for answers by `answerJson()`. */
export function alikeJson(headers: AnswerHeaders): Headers {
  return alike({ ...JSON_TYPE, ...headers });
}

/** The whole of what an answer has that is true at this moment only. */
export const UNCACHED_JSON = alikeJson(UNCACHED);

/** The same with a value as JSON. */
export function answerJson(c: Context, value: unknown, status = 200, headers: AnswerHeaders | Headers = {}): Response {
  return answer(c, JSON.stringify(value), status, headers instanceof Headers ? headers : { ...JSON_TYPE, ...headers });
}

/** Somebody else's answer, with a request id and nothing else of ours: a page's headers say what a page may. */
export function answerAsItIs(c: Context, received: Response): Response {
  const made = new Response(received.body, received);
  made.headers.set(REQUEST_ID, requestIdOf(c));
  noteAnswer(c, made);
  return made;
}

/** The same answer, with what every answer has if it was not made here. */
export function completed(c: Context<AppEnv>, response: Response): Response {
  if (c.get("answered") === response) return response;
  const { headers } = response;
  headers.set(REQUEST_ID, requestIdOf(c));
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) headers.set(name, value);
  return response;
}

// Apart, because the compiler knows the variables of a context only where its kind is named.
function requestIdOf(c: Context<AppEnv>): string {
  return c.get("requestId");
}

function noteAnswer(c: Context<AppEnv>, made: Response): void {
  c.set("answered", made);
}
