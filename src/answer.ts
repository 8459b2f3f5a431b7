/**
 * Answers, and the headers that each of them has.
 *
 * What answers of one kind have in common is one `Headers`, made once, which the platform copies. A header that is handed over for each answer,
 * in a record or on a `Headers` of its own, costs some 3 µs of the 50 that an answer takes; copied it costs almost nothing (decision 0033).
 * What only one answer has is put on the sheet and taken off again, in one step.
 * Whoever answers by hono's own means (`c.json()`) is right, too: admission adds there what is missing.
 */
import type { Context } from "hono";
import type { AppEnv } from "./context.ts";

export type AnswerHeaders = Readonly<Record<string, string>>;

/** The headers of one kind of answer. To be made with `sheetOf`, and written by nobody but `answer`. */
export interface Sheet {
  readonly headers: Headers;
}

const REQUEST_ID = "X-Request-Id";

/**
 * For answers that are data: nothing in them may run, be framed or be guessed at (OWASP REST Security Cheat Sheet). What
 * speaks to a browser about the whole host (Strict-Transport-Security) or about pages the sale page's answers say.
 */
const SECURITY_HEADERS: readonly (readonly [string, string])[] = [
  ["X-Content-Type-Options", "nosniff"],
  ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
];

/** What answers of a kind have beside what all have. */
export function sheetOf(headers: AnswerHeaders): Sheet {
  return {
    headers: new Headers([...SECURITY_HEADERS.map(([name, value]) => [name, value]), ...Object.entries(headers)]),
  };
}

const JSON_SHEET = sheetOf({ "Content-Type": "application/json" });
/** JSON of this moment. */
export const UNCACHED = sheetOf({ "Content-Type": "application/json", "Cache-Control": "no-store" });

const NONE: AnswerHeaders = {};

/**
 * An answer with every header of its kind.
 *
 * @param own names that are not on the sheet.
 */
export function answer(
  c: Context,
  body: string | null,
  status: number,
  sheet: Sheet,
  own: AnswerHeaders = NONE,
): Response {
  return make(c, body, status, sheet, own);
}

// Apart, because the compiler knows the variables of a context only where its kind is named.
function make(
  c: Context<AppEnv>,
  body: string | null,
  status: number,
  { headers }: Sheet,
  own: AnswerHeaders,
): Response {
  headers.set(REQUEST_ID, c.get("requestId"));
  try {
    for (const name in own) headers.set(name, own[name] ?? "");
    const made = new Response(body, { status, headers });
    c.set("answered", made);
    return made;
  } finally {
    for (const name in own) headers.delete(name);
  }
}

/** JSON as an answer; it may be cached as `own` says. */
export function answerJson(
  c: Context,
  value: unknown,
  status = 200,
  { sheet = JSON_SHEET, own = NONE }: { readonly sheet?: Sheet; readonly own?: AnswerHeaders } = {},
): Response {
  return answer(c, JSON.stringify(value), status, sheet, own);
}

/** Somebody else's answer, with a request id and nothing else of ours: a page's headers say what a page may. */
export function answerAsItIs(c: Context<AppEnv>, received: Response): Response {
  const made = new Response(received.body, received);
  made.headers.set(REQUEST_ID, c.get("requestId"));
  c.set("answered", made);
  return made;
}

/** The same answer, with what every answer has if it was not made here. */
export function completed(c: Context<AppEnv>, response: Response): Response {
  if (c.get("answered") === response) return response;
  const { headers } = response;
  headers.set(REQUEST_ID, c.get("requestId"));
  for (const [name, value] of SECURITY_HEADERS) headers.set(name, value);
  return response;
}
