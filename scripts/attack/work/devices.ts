/** How fast devices solve proofs of work: what was measured, and what is assumed. Pure. */

/**
 * One trial of 1000 iterations on one core of a server, native code, in milliseconds: PBKDF2/SHA-256 by OpenSSL with the
 * processor's SHA instructions. Measured by `node scripts/attack/work/measure-trial.ts` (0.138 on two virtual cores of an AMD EPYC).
 */
const CORE_TRIAL_MS = 0.14;
const CORE_TRIAL_ITERATIONS = 1000;

/**
 * A card for games (RTX 4090) in cores as above. 600,000 iterations are advised against it because it then does 15,000 a
 * second (https://tobtu.com/minimum-password-settings/): 9,000,000 trials of 1000 a second, where a core does 7,100.
 */
export const GRAPHICS_CARD_CORES = 1250;

/** Assumed: every second buyer has a phone. */
const PHONES_SHARE = 0.5;
/**
 * How many times longer a page needs than such a core. A browser's WebCrypto takes 1.9 times as long for a trial as
 * OpenSSL does (docs/challenges.md has the figures of Chromium); a page uses up to four workers, and no two laptops are alike.
 */
const LAPTOP_LEAST = 0.5;
const LAPTOP_MOST = 2;
/** Assumed: a phone needs four times as long as a laptop. */
const PHONE_TIMES = 4;

/** One full trial on one core, in milliseconds. */
export function coreTrialMs(iterations: number): number {
  return (CORE_TRIAL_MS * iterations) / CORE_TRIAL_ITERATIONS;
}

/** How many times longer than a core somebody's device needs. Both from 0 to 1: what it is, and how fast it is of its kind. */
export function deviceTimes(kind: number, speed: number): number {
  // Evenly by ratio: half as long is as likely as twice as long.
  const laptop = LAPTOP_LEAST * (LAPTOP_MOST / LAPTOP_LEAST) ** speed;
  return kind < PHONES_SHARE ? laptop * PHONE_TIMES : laptop;
}
