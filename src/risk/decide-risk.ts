/**
 * How risky a request for a token looks: named signals, each with a weight; their sum says what is done. Pure.
 *
 * A signal that cannot be seen (the plan has no bot score, the shop's JWT no account age) counts nothing: nobody is suspect
 * for what we do not know. The decision carries its reasons, for the operator's log; a public answer never does.
 */

/** What is known of a request. Null: not known. */
export interface Observation {
  /** Different buyers from the same client within the signal's window, this one included. */
  readonly accountsAtAddress: number | null;
  /** The same from any client with the same TLS fingerprint. */
  readonly accountsAtFingerprint: number | null;
  /** Days since the shop made the account. */
  readonly accountAgeDays: number | null;
  /** The shop's own measure of a buyer. */
  readonly level: number | null;
  /** What the shop has verified of the buyer, as `phone`; null where its JWT does not say. */
  readonly verified: readonly string[] | null;
  /** Buyer ids that the same client used before, the latest last, this one included. */
  readonly recentIds: readonly string[];
  /** Which headers the request has, by their names in lower case, and its user agent. */
  readonly headers: Pick<ReadonlySet<string>, "has">;
  readonly userAgent: string;
  /** Cloudflare's bot score: 1 (surely a bot) to 99 (surely a person). */
  readonly botScore: number | null;
  /** Requests of the same client that were refused lately in this isolate. */
  readonly refusals: number;
  /** The least time in which the same client went from a token to its checkout lately, in this isolate. */
  readonly fastestCheckoutMs: number | null;
  /** What of the request is on the operator's list of suspects: its network, ASN, country, buyer. */
  readonly suspects: readonly string[];
  /** The operator's allow list has the client or the buyer. */
  readonly isAllowed: boolean;
}

export const SIGNALS = [
  "accounts-per-address",
  "accounts-per-fingerprint",
  "young-account",
  "low-level",
  "unverified",
  "patterned-ids",
  "inconsistent-headers",
  "bot-score",
  "earlier-refusals",
  "fast-checkout",
  "list-hit",
] as const;

export type Signal = (typeof SIGNALS)[number];

export interface SignalRule {
  readonly weight: number;
  /** What the signal compares with; its meaning and unit are the signal's. */
  readonly threshold: number;
}

export interface RiskRules {
  readonly signals: Readonly<Record<Signal, SignalRule>>;
  /** The least sum for each step; a step that is null is never taken. */
  readonly steps: Readonly<Record<Exclude<RiskAction, "allow">, number | null>>;
}

/** From the mildest: let through, a challenge, a harder one, a wait, no token. */
export type RiskAction = "allow" | "challenge" | "harder" | "delay" | "deny";

export interface RiskDecision {
  readonly action: RiskAction;
  readonly score: number;
  /** The signals that fired. */
  readonly hits: readonly Signal[];
}

/** Whether a signal fires. A table, so that a signal does not compile without its rule. */
const FIRES: Readonly<Record<Signal, (seen: Observation, threshold: number) => boolean>> = {
  "accounts-per-address": ({ accountsAtAddress }, most) => accountsAtAddress !== null && accountsAtAddress > most,
  "accounts-per-fingerprint": ({ accountsAtFingerprint: accounts }, most) => accounts !== null && accounts > most,
  "young-account": ({ accountAgeDays }, days) => accountAgeDays !== null && accountAgeDays < days,
  "low-level": ({ level }, least) => level !== null && level < least,
  unverified: ({ verified }, least) => verified !== null && verified.length < least,
  "patterned-ids": ({ recentIds }, run) => longestRun(recentIds) >= run,
  "inconsistent-headers": (seen, least) => inconsistencies(seen) >= least,
  "bot-score": ({ botScore }, least) => botScore !== null && botScore < least,
  "earlier-refusals": ({ refusals }, most) => refusals > most,
  "fast-checkout": ({ fastestCheckoutMs: fastest }, leastMs) => fastest !== null && fastest < leastMs,
  "list-hit": ({ suspects }, least) => suspects.length >= least,
};

/** From the gravest: the first whose sum is reached is taken. */
const GRAVEST_FIRST = ["deny", "delay", "harder", "challenge"] as const;

export function decideRisk(seen: Observation, rules: RiskRules): RiskDecision {
  const hits = SIGNALS.filter((signal) => {
    const { weight, threshold } = rules.signals[signal];
    return weight > 0 && FIRES[signal](seen, threshold);
  });
  const score = hits.reduce((sum, signal) => sum + rules.signals[signal].weight, 0);
  if (seen.isAllowed) return { action: "allow", score, hits };
  const step = GRAVEST_FIRST.find((action) => {
    const least = rules.steps[action];
    return least !== null && score >= least;
  });
  return { action: step ?? "allow", score, hits };
}

/**
 * The longest run of ids that differ in a counted-up number only, as `user0041`, `user0042`: accounts made by a script.
 * A run of one is anybody.
 */
export function longestRun(ids: readonly string[]): number {
  const numbered = ids.map((id) => /^(.*?)(\d{1,15})(\D*)$/s.exec(id)).filter((match) => match !== null);
  const series = Map.groupBy(numbered, ([, before = "", , after = ""]) => JSON.stringify([before, after]));
  let longest = 0;
  for (const members of series.values()) {
    const numbers = [...new Set(members.map(([, , digits = "0"]) => Number(digits)))].toSorted((a, b) => a - b);
    let run = 1;
    longest = Math.max(longest, run);
    for (const [index, number] of numbers.entries()) {
      run = index > 0 && number === (numbers[index - 1] ?? 0) + 1 ? run + 1 : 1;
      longest = Math.max(longest, run);
    }
  }
  return longest;
}

/** Headers that every browser of these families sends with fetch(), and scripts that pose as one usually forget. */
const BROWSER_HEADERS = ["accept-language", "accept-encoding", "sec-fetch-site", "sec-fetch-mode"];

/** How many things do not fit together: no user agent at all counts for all of them. */
function inconsistencies({ headers, userAgent }: Observation): number {
  if (userAgent === "") return BROWSER_HEADERS.length;
  if (!/Mozilla\/|AppleWebKit|Gecko\//.test(userAgent)) return 1;
  return BROWSER_HEADERS.filter((name) => !headers.has(name)).length;
}

export interface EligibilityRules {
  readonly minAccountAgeDays: number;
  readonly minLevel: number;
  /** What the shop must have verified of a buyer. */
  readonly verified: readonly string[];
}

/** Whether the sale is open to the buyer. Here what the shop's JWT does not say is not there: a rule is a rule. */
export function isEligible(
  seen: Pick<Observation, "accountAgeDays" | "level" | "verified">,
  { minAccountAgeDays, minLevel, verified }: EligibilityRules,
): boolean {
  if (minAccountAgeDays > 0 && (seen.accountAgeDays ?? 0) < minAccountAgeDays) return false;
  if (minLevel > 0 && (seen.level ?? 0) < minLevel) return false;
  return verified.every((flag) => seen.verified?.includes(flag) ?? false);
}
