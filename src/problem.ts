/** A refusal as it goes over the wire: problem details (RFC 9457). The only place where a refusal becomes a response. */
import type { Context } from "hono";
import { answer, type AnswerHeaders, UNCACHED } from "./answer.ts";
import { REFUSALS, type Refusal, type RefusalCode, type RefusalOf } from "./refusal.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** Of every refusal. It is never cached: the next moment may decide otherwise. */
export const PROBLEM: AnswerHeaders = { ...UNCACHED, "Content-Type": PROBLEM_TYPE };

/** The bodies of refusals that always say the same, by their code. */
const unchanging = new Map<RefusalCode, string>();

function bodyOf<Code extends RefusalCode>(code: Code, refusal: RefusalOf<Code>): string {
  const known = unchanging.get(code);
  const ownDetail = "detail" in refusal && typeof refusal.detail === "string" ? refusal.detail : null;
  if (known !== undefined && ownDetail === null) return known;
  const { status, title, detail, fields } = REFUSALS[code];
  const body = { type: `/problems/${code}`, title, status, code, detail: ownDetail ?? detail };
  if (fields !== undefined || ownDetail !== null) return JSON.stringify({ ...body, ...fields?.(refusal) });
  const text = JSON.stringify(body);
  unchanging.set(code, text);
  return text;
}

function tell<Code extends RefusalCode>(c: Context, code: Code, refusal: RefusalOf<Code>): Response {
  const { status, headers } = REFUSALS[code];
  return answer(c, bodyOf(code, refusal), status, { ...PROBLEM, ...headers?.(refusal) });
}

/** The response that tells a refusal. */
export function refuse(c: Context, refusal: Refusal): Response {
  // Code and refusal belong together; the compiler cannot see that through the union.
  return tell(c, refusal.code, refusal as never);
}
