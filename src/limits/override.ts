/**
 * An operator's override of one policy, at run time and until it expires: another limit, another mode, or both.
 *
 * What it may say is what the policy itself could have said; who may say it, and how it reaches the edge, is not decided
 * here.
 */
import * as v from "valibot";
import type { FieldError, RefusalOf } from "../refusal.ts";
import { ok, refused, type Result } from "../result.ts";
import { burstAt } from "./policy-contradictions.ts";
import type { Policy, PolicyMode } from "./policy.ts";
import { EXACT_LIMIT_MAX, LIMIT_MAX } from "./policy-table.ts";

export interface PolicyOverride {
  /** Units per window. */
  readonly limit?: number;
  readonly mode?: PolicyMode;
  /** Ms since the epoch; from then on it does not count. */
  readonly expiresAt: number;
}

const Override = v.strictObject({
  limit: v.exactOptional(
    v.pipe(
      v.number("Must be a number"),
      v.integer("Must be a whole number"),
      v.minValue(1, "Must be at least 1"),
      v.maxValue(LIMIT_MAX, `Must be at most ${LIMIT_MAX}`),
    ),
  ),
  mode: v.exactOptional(v.picklist(["enforce", "shadow", "off"], 'Must be "enforce", "shadow" or "off"')),
  expiresAt: v.pipe(
    v.number("Must be milliseconds since the epoch"),
    v.safeInteger("Must be milliseconds since the epoch"),
    v.minValue(0, "Must be milliseconds since the epoch"),
  ),
});

/** @param raw as an operator sent it, for this policy. Whether `expiresAt` is still to come is the caller's to ask. */
export function parsePolicyOverride(
  raw: unknown,
  policy: Policy,
): Result<PolicyOverride, RefusalOf<"invalid-request">> {
  const parsed = v.safeParse(Override, raw);
  if (!parsed.success) return invalid(parsed.issues.map(fieldErrorOf));
  const { limit, mode } = parsed.output;
  if (limit === undefined && mode === undefined) return invalid([{ path: "", message: "Must have a limit or a mode" }]);
  const message = limit === undefined ? null : objectionTo(limit, policy);
  return message === null ? ok(parsed.output) : invalid([{ path: "limit", message }]);
}

function objectionTo(limit: number, policy: Policy): string | null {
  const { store } = policy;
  if (store.kind === "native") return "Must be absent: the limit of a [[ratelimits]] binding is fixed";
  if (store.kind === "exact" && store.algorithm === "sliding-log" && limit > EXACT_LIMIT_MAX) {
    return `Must be at most ${EXACT_LIMIT_MAX} for this policy's algorithm`;
  }
  if (store.kind === "upstash" && store.algorithm === "token-bucket" && limit < 2) {
    return "Must be at least 2 for this policy's algorithm";
  }
  const most = Math.max(...policy.at.map((call) => policy.cost[call]));
  return most > burstAt(policy, limit) ? `Must allow the cost of one request, ${most}, at once` : null;
}

function fieldErrorOf(issue: v.BaseIssue<unknown>): FieldError {
  const path = v.getDotPath(issue) ?? "";
  if (issue.expected === "never") return { path, message: "Is not a known key" };
  if (issue.type === "strict_object" && path !== "") return { path, message: "Is missing" };
  return { path, message: issue.message };
}

function invalid(errors: readonly FieldError[]): Result<never, RefusalOf<"invalid-request">> {
  return refused({ code: "invalid-request", errors });
}
