/**
 * The RateLimit-Policy and RateLimit fields: draft-ietf-httpapi-ratelimit-headers-10, RFC 9651 structured fields.
 * https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10
 *
 * Nothing is told that is not known: a policy whose remaining quota no store has said stands in RateLimit-Policy only. The
 * draft counts in requests; where a call takes several units, both fields say how many such calls the units are good for.
 */
import type { LimitedCall, Policy } from "./policy.ts";

/** What is known of a policy's quota at this moment. */
export interface ServiceLimit {
  readonly name: string;
  /** Calls of this kind that still fit. */
  readonly remaining: number;
  /** Until more comes back, in ms; null when only a bound is known. */
  readonly resetMs: number | null;
}

/** `"token-per-buyer";q=10;w=60`, one item per policy; empty for none. */
export function rateLimitPolicyField(
  policies: readonly Pick<Policy, "name" | "limit" | "windowSeconds" | "cost">[],
  at: LimitedCall,
): string {
  return policies
    .map(({ name, limit, windowSeconds, cost }) => `"${name}";q=${Math.floor(limit / cost[at])};w=${windowSeconds}`)
    .join(", ");
}

/** `"token-per-buyer";r=9;t=60`, one item per limit; empty for none. */
export function rateLimitField(limits: readonly ServiceLimit[]): string {
  return limits
    .map(({ name, remaining, resetMs }) => {
      const item = `"${name}";r=${remaining}`;
      return resetMs === null ? item : `${item};t=${secondsOf(resetMs)}`;
    })
    .join(", ");
}

/** Rounded up: a second too late is true, a second too early is not. */
export function secondsOf(ms: number): number {
  return Math.max(0, Math.ceil(ms / 1000));
}

/** The value of a list field with `items` in front of what an inner stage has put there. */
export function joinField(items: string, present: string | null): string {
  return present === null || present === "" ? items : `${items}, ${present}`;
}
