/** The policies of one place: chosen and prepared once for many requests, and anew when an operator overrides one. */
import { phasesOf, withOverride } from "./effective-policy.ts";
import { rateLimitPolicyField } from "./headers.ts";
import type { PolicyOverride } from "./override.ts";
import type { LimitedCall, LimitsConfig, Policy } from "./policy.ts";

/** By a policy's name. The same Map for as long as nothing is changed. */
export type Overrides = ReadonlyMap<string, PolicyOverride>;

export interface Place {
  readonly at: LimitedCall;
  /** `client`: the policies without the buyer in their key; `buyer`: those with it, behind the identity stage. */
  readonly who: "client" | "buyer";
}

export interface Plan {
  /** The policies of this place, as they are now; `opensAt` of the product's round, where it is known. */
  readonly policiesAt: (opensAt: number | undefined, now: number) => readonly Policy[];
  /** The RateLimit-Policy field of these policies; undefined when it is hidden, or when nothing is enforced. */
  readonly fieldOf: (policies: readonly Policy[]) => string | undefined;
  /** When the first override expires and another plan is due, ms since the epoch. */
  readonly validUntil: number;
}

export function planOf(config: LimitsConfig, { at, who }: Place, overrides: Overrides, now: number): Plan {
  const policies = config.policies
    .filter((policy) => policy.at.includes(at) && policy.key.includes("user") === (who === "buyer"))
    .map((policy) => overridden(policy, overrides.get(policy.name), now))
    .filter(({ mode }) => mode !== "off");
  const byPhase = policies.map(phasesOf);
  const hasPhases = policies.some(({ phases }) => Object.keys(phases).length > 0);
  const fieldOf = (present: readonly Policy[]): string | undefined => {
    const enforced = present.filter(({ mode }) => mode === "enforce");
    return config.verbosity === "quiet" || enforced.length === 0 ? undefined : rateLimitPolicyField(enforced, at);
  };
  const field = fieldOf(policies);
  const expiries = Array.from(overrides.values(), ({ expiresAt }) => expiresAt).filter((expiresAt) => expiresAt > now);
  return {
    policiesAt: hasPhases ? (opensAt, moment) => byPhase.map((policyAt) => policyAt(opensAt, moment)) : () => policies,
    fieldOf: hasPhases ? fieldOf : () => field,
    validUntil: Math.min(Number.POSITIVE_INFINITY, ...expiries),
  };
}

/** An override that is over does not count, whoever still has it. */
function overridden(policy: Policy, override: PolicyOverride | undefined, now: number): Policy {
  return override === undefined || override.expiresAt <= now ? policy : withOverride(policy, override);
}
