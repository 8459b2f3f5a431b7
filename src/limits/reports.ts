/**
 * What the policies did, for the operator: counters of this isolate, told as one line per policy and at most every
 * `REPORT_EVERY_MS`, however many requests there are. What was counted after the last line is told by the next request that
 * comes late enough, or forgotten with the isolate.
 */
import { logEvent } from "../log.ts";

const REPORT_EVERY_MS = 10_000;
/** From this share of a quota on a request is near its limit: the people whom a lower limit would refuse. */
const NEAR_LIMIT = 0.8;

export interface Counted {
  readonly policy: { readonly name: string; readonly mode: string };
  readonly says: "pass" | "limited" | "unavailable";
  readonly used: number | null;
}

interface Tally {
  passed: number;
  refused: number;
  wouldRefuse: number;
  nearLimit: number;
}

export class LimitReports {
  /** By policy; those that did nothing since the last line are not there. */
  readonly #tallies = new Map<string, Tally>();
  #since: number | undefined;

  /** @param now ms since the epoch. */
  count(counted: readonly Counted[], now: number): void {
    this.#since ??= now;
    for (const each of counted) this.#add(each);
    if (now - this.#since < REPORT_EVERY_MS) return;
    for (const [policy, tally] of this.#tallies) {
      logEvent("info", "limit-report", { policy, ...tally, seconds: Math.round((now - this.#since) / 1000) });
    }
    this.#tallies.clear();
    this.#since = now;
  }

  #add({ policy, says, used }: Counted): void {
    const tally = this.#tallies.get(policy.name) ?? this.#begin(policy.name);
    if (says === "pass") tally.passed += 1;
    // A store that failed has a line of its own.
    else if (says === "limited" && policy.mode === "enforce") tally.refused += 1;
    else if (says === "limited") tally.wouldRefuse += 1;
    if (says === "pass" && used !== null && used >= NEAR_LIMIT) tally.nearLimit += 1;
  }

  #begin(policy: string): Tally {
    const tally = { passed: 0, refused: 0, wouldRefuse: 0, nearLimit: 0 };
    this.#tallies.set(policy, tally);
    return tally;
  }
}
