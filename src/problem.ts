/** A refusal as it goes over the wire: problem details (RFC 9457). The only place where a refusal becomes a response. */
import type { Context } from "hono";
import { alike, answer, type AnswerHeaders, UNCACHED } from "./answer.ts";
import { REFUSALS, type Refusal, type RefusalCode, type RefusalOf } from "./refusal.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** Of every refusal. It is never cached: the next moment may decide otherwise. */
export const PROBLEM: AnswerHeaders = { ...UNCACHED, "Content-Type": PROBLEM_TYPE };

/** A refusal as it was told: in a crowd the next one of its code says the same, for as long as nothing changes. */
interface Told {
  readonly refusal: Refusal;
  readonly body: string;
  /** Made when a second one says the same. */
  headers: Headers | null;
}

type Fields = Readonly<Record<string, unknown>>;

/** The last refusal of each code. */
const lastTold = new Map<RefusalCode, Told>();

/** Whether they say the same. Of what lies deeper, a list of errors or a challenge, no two are. */
function isAlike(one: Fields, other: Fields): boolean {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && one[key] === other[key]);
}

function bodyOf<Code extends RefusalCode>(code: Code, refusal: RefusalOf<Code>): string {
  const { status, title, detail, fields } = REFUSALS[code];
  const told = "detail" in refusal && typeof refusal.detail === "string" ? refusal.detail : detail;
  return JSON.stringify({ type: `/problems/${code}`, title, status, code, detail: told, ...fields?.(refusal) });
}

function tell<Code extends RefusalCode>(c: Context, code: Code, refusal: RefusalOf<Code>): Response {
  const { status, headers } = REFUSALS[code];
  const last = lastTold.get(code);
  if (last !== undefined && isAlike(last.refusal, refusal)) {
    last.headers ??= alike({ ...PROBLEM, ...headers?.(refusal) });
    return answer(c, last.body, status, last.headers);
  }
  const body = bodyOf(code, refusal);
  lastTold.set(code, { refusal, body, headers: null });
  return answer(c, body, status, { ...PROBLEM, ...headers?.(refusal) });
}

/** The response that tells a refusal. */
export function refuse(c: Context, refusal: Refusal): Response {
  // Code and refusal belong together; the compiler cannot see that through the union.
  return tell(c, refusal.code, refusal as never);
}
