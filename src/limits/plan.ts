/** The policies of one place: chosen and prepared once for many requests, and anew when an operator overrides one. */
import { phasesOf, withOverride } from "./effective-policy.ts";
import { rateLimitPolicyField } from "./headers.ts";
import type { PolicyOverride } from "./override.ts";
import type { KeyPart, LimitedCall, LimitsConfig, Policy } from "./policy.ts";

/** By a policy's name. The same Map for as long as nothing is changed. */
export type Overrides = ReadonlyMap<string, PolicyOverride>;

export interface Place {
  readonly at: LimitedCall;
  /**
   * `sieves`: what needs no call to an object or to Redis and no buyer, to stand before the signature that is dear. `counts`:
   * all others, to stand where the buyer is proven, so that they are one decision. `shared`: those of them that no buyer is
   * part of, so that what is remembered of them holds whoever asks. `all`: where there is one place only.
   */
  readonly part: "sieves" | "counts" | "shared" | "all";
}

/** The policies that apply to a request. */
export interface Selection {
  /** As they are now; `opensAt` of the product's round, where it is known. */
  readonly policiesAt: (opensAt: number | undefined, now: number) => readonly Policy[];
  /** The RateLimit-Policy field of these policies; undefined when it is hidden, or when nothing is enforced. */
  readonly fieldOf: (policies: readonly Policy[]) => string | undefined;
  /** Everything that one of them has in its key. */
  readonly parts: readonly KeyPart[];
  /** Whether that is something that the platform says of a connection; see `origin.ts`. */
  readonly countsOrigin: boolean;
}

export interface Plan {
  readonly all: Selection;
  /** Without the policies that count an address, for a request whose address gives way. */
  readonly withoutAddress: Selection;
  /** When the first override expires and another plan is due, ms since the epoch. */
  readonly validUntil: number;
}

export function planOf(config: LimitsConfig, place: Place, overrides: Overrides, now: number): Plan {
  const policies = config.policies
    .filter((policy) => policy.at.includes(place.at) && isOfPart(policy, place.part))
    .map((policy) => overridden(policy, overrides.get(policy.name), now))
    .filter(({ mode }) => mode !== "off");
  const expiries = Array.from(overrides.values(), ({ expiresAt }) => expiresAt).filter((expiresAt) => expiresAt > now);
  return {
    all: selectionOf(policies, config, place),
    withoutAddress: selectionOf(
      policies.filter((policy) => !countsAddress(policy)),
      config,
      place,
    ),
    validUntil: Math.min(Number.POSITIVE_INFINITY, ...expiries),
  };
}

/** Whether a policy counts all people of an address together: what gives way to a challenge, which each solves for himself. */
export function countsAddress({ key }: Pick<Policy, "key">): boolean {
  return key.includes("ip") && !key.includes("user");
}

const OF_ORIGIN: ReadonlySet<KeyPart> = new Set(["country", "asn", "fingerprint"]);

function isOfPart({ key, store }: Policy, part: Place["part"]): boolean {
  if (part === "all") return true;
  const isSieve = (store.kind === "isolate" || store.kind === "native") && !key.includes("user");
  if (part === "shared") return !isSieve && !key.includes("user");
  return isSieve === (part === "sieves");
}

function selectionOf(policies: readonly Policy[], config: LimitsConfig, { at }: Place): Selection {
  const byPhase = policies.map(phasesOf);
  const hasPhases = policies.some(({ phases }) => Object.keys(phases).length > 0);
  const fieldOf = (present: readonly Policy[]): string | undefined => {
    const enforced = present.filter(({ mode }) => mode === "enforce");
    return config.verbosity === "quiet" || enforced.length === 0 ? undefined : rateLimitPolicyField(enforced, at);
  };
  const field = fieldOf(policies);
  const parts = [...new Set(policies.flatMap(({ key }) => key))];
  return {
    policiesAt: hasPhases ? (opensAt, moment) => byPhase.map((policyAt) => policyAt(opensAt, moment)) : () => policies,
    fieldOf: hasPhases ? fieldOf : () => field,
    parts,
    countsOrigin: parts.some((part) => OF_ORIGIN.has(part)),
  };
}

/** An override that is over does not count, whoever still has it. */
function overridden(policy: Policy, override: PolicyOverride | undefined, now: number): Policy {
  return override === undefined || override.expiresAt <= now ? policy : withOverride(policy, override);
}
