/** A refusal as it goes over the wire: problem details (RFC 9457). The only place where a refusal becomes a response. */
import type { Context } from "hono";
import { answer } from "./answer.ts";
import { REFUSALS, type Refusal, type RefusalCode, type RefusalOf } from "./refusal.ts";

export const PROBLEM_TYPE = "application/problem+json";

interface Told {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
}

function tell<Code extends RefusalCode>(code: Code, refusal: RefusalOf<Code>): Told {
  const telling = REFUSALS[code];
  const detail = "detail" in refusal && typeof refusal.detail === "string" ? refusal.detail : telling.detail;
  return {
    status: telling.status,
    body: {
      type: `/problems/${code}`,
      title: telling.title,
      status: telling.status,
      code,
      detail,
      ...telling.fields?.(refusal),
    },
    headers: telling.headers?.(refusal) ?? {},
  };
}

/** The response that tells a refusal. It is never cached: the next moment may decide otherwise. */
export function refuse(c: Context, refusal: Refusal): Response {
  // Code and refusal belong together; the compiler cannot see that through the union.
  const told = tell(refusal.code, refusal as never);
  return answer(c, JSON.stringify(told.body), told.status, {
    ...told.headers,
    "Content-Type": PROBLEM_TYPE,
    "Cache-Control": "no-store",
  });
}
