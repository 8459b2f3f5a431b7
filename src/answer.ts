/**
 * Answers, and the headers that each of them has.
 *
 * An answer's headers go to the platform once, as one record: each that is set later, on a `Headers` or through hono, is a call of
 * its own, and the `Headers` an object that the platform has to track (decisions 0033 and 0035). Whoever answers by hono's own means
 * (`c.json()`) is right, too: admission adds there what is missing.
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

/** An answer with everything that an answer of ours has. */
export function answer(c: Context, body: string | null, status: number, headers: AnswerHeaders): Response {
  const made = new Response(body, {
    status,
    headers: { [REQUEST_ID]: requestIdOf(c), ...SECURITY_HEADERS, ...headers },
  });
  noteAnswer(c, made);
  return made;
}

/** The same with a value as JSON. */
export function answerJson(c: Context, value: unknown, status = 200, headers: AnswerHeaders = {}): Response {
  return answer(c, JSON.stringify(value), status, { "Content-Type": "application/json", ...headers });
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
