/** How much work a proof of work asks for. Pure. */

export interface WorkBounds {
  /** Trials without any pressure, and under full pressure; one trial is one PBKDF2 of `iterations`. */
  readonly trialsLeast: number;
  readonly trialsMost: number;
  /** Token requests per second in one isolate from which `trialsMost` is asked. */
  readonly fullPressurePerSecond: number;
  /** How many times the work a request has to do that looks riskier than others. */
  readonly harderFactor: number;
}

/** The counter that solves a challenge lies between this share of the trials and all of them. */
const COUNTER_LEAST_SHARE = 0.5;

/** The most trials that a challenge asks for: rises with the pressure, evenly, up to its bound; `harder` multiplies it. */
export function decideTrials(bounds: WorkBounds, pressurePerSecond: number, harder: boolean): number {
  const share = Math.min(Math.max(pressurePerSecond / bounds.fullPressurePerSecond, 0), 1);
  const trials = bounds.trialsLeast + share * (bounds.trialsMost - bounds.trialsLeast);
  return Math.round(trials * (harder ? bounds.harderFactor : 1));
}

/**
 * The counter to be found, which only the gateway knows: bounded on both sides, so that nobody is lucky at once and no
 * phone is unlucky for a minute. `random`: at least 0, below 1, from a cryptographic source.
 */
export function decideCounter(trials: number, random: number): number {
  const least = Math.ceil(trials * COUNTER_LEAST_SHARE);
  return least + Math.floor(random * (trials - least + 1));
}
