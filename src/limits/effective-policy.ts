/** A policy as it is at one moment: with the operator's override, and in the phase of the round. Pure. */
import { burstAt } from "./policy-contradictions.ts";
import type { PolicyOverride } from "./override.ts";
import type { Phases, Policy } from "./policy.ts";

/** The same policy with another limit: what may come at once changes with it in proportion. */
export function withLimit(policy: Policy, limit: number): Policy {
  return { ...policy, limit, burst: burstAt(policy, limit) };
}

/** An override's limit is for all phases: whoever changes a limit in a hurry means what he says. */
export function withOverride(policy: Policy, { limit, mode }: PolicyOverride): Policy {
  const limited = limit === undefined ? policy : { ...withLimit(policy, limit), phases: {} };
  return mode === undefined ? limited : { ...limited, mode };
}

/**
 * The policies of one policy by phase, made once.
 *
 * `before` is until the round opens, `start` for its first seconds, `after` from then on; where a part is not there, and
 * where no round is known, it is the policy itself.
 */
export function phasesOf(policy: Policy): (opensAt: number | undefined, now: number) => Policy {
  const { before, start, after } = policy.phases;
  const at = (phase: Phases[keyof Phases]): Policy => (phase === undefined ? policy : withLimit(policy, phase.limit));
  const [inBefore, inStart, inAfter] = [at(before), at(start), at(after)];
  const startMs = (start?.seconds ?? 0) * 1000;
  return function policyAt(opensAt, now) {
    if (opensAt === undefined) return policy;
    if (now < opensAt) return inBefore;
    return now < opensAt + startMs ? inStart : inAfter;
  };
}
