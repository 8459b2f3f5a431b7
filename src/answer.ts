/**
 * Answers, and the headers that each of them has.
 *
 * What many answers have in common is a `Headers` that was made once: the platform copies it in one go, where a record costs it a look-up,
 * a check and a copy for each name and value (decision 0035). What is an answer's own is set on it afterwards. Whoever answers
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

/** What answers of one kind have in common. To be made once for each kind, and never to be changed. */
export function commonHeaders(headers: AnswerHeaders): Headers {
  return new Headers({ ...SECURITY_HEADERS, ...headers });
}

/** Of what is true at this moment only. */
export const UNCACHED: AnswerHeaders = { "Cache-Control": "no-store" };

const JSON_TYPE = { "Content-Type": "application/json" };
const BARE = commonHeaders({});
const DATA = commonHeaders(JSON_TYPE);
const UNCACHED_DATA = commonHeaders({ ...JSON_TYPE, ...UNCACHED });

/**
 * An answer with everything that an answer of ours has.
 *
 * @param own headers of this one answer. They come before the common ones.
 */
export function answer(
  c: Context,
  body: string | null,
  status: number,
  own: AnswerHeaders = {},
  common: Headers = BARE,
): Response {
  const made = new Response(body, { status, headers: common });
  const { headers } = made;
  headers.set(REQUEST_ID, requestIdOf(c));
  for (const [name, value] of Object.entries(own)) headers.set(name, value);
  noteAnswer(c, made);
  return made;
}

/** The same with a value as JSON. */
export function answerJson(c: Context, value: unknown, status = 200, own: AnswerHeaders = {}): Response {
  return answer(c, JSON.stringify(value), status, own, DATA);
}

/** The same for what is true at this moment only. */
export function answerUncached(c: Context, value: unknown, status = 200, own: AnswerHeaders = {}): Response {
  return answer(c, JSON.stringify(value), status, own, UNCACHED_DATA);
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
