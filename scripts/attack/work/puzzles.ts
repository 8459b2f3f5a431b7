/**
 * The proofs of work that an attack's gateway asks for: small ones that stand for wrangler.toml's. Pure.
 *
 * Hundreds of people, each with a device of its own, and two cores to play them all: solved in full, the puzzles would
 * measure the generator. So one small trial stands for several full ones, everything is still solved, and whoever solved
 * waits as long as his own device would have needed for the full ones. Trials rise with pressure and risk as ever, since
 * the gateway draws them; only their unit is another.
 */
import * as v from "valibot";
import type { Vars } from "../../gateway/dev-vars.ts";

export interface Puzzles {
  /** `[vars.CHALLENGE]` with small puzzles. */
  readonly challenge: Readonly<Record<string, unknown>>;
  /** How many of wrangler.toml's trials one small trial stands for. */
  readonly fullTrials: number;
  /** PBKDF2's iterations in one of wrangler.toml's trials. */
  readonly fullIterations: number;
}

/** The fewest that the gateway's configuration allows. */
const ITERATIONS_LEAST = 100;
const TRIALS_LEAST = 10;

const whole = v.pipe(v.number(), v.integer(), v.minValue(1));
const table = v.looseObject({
  pow: v.looseObject({ iterations: whole, trials_least: whole, trials_most: whole }),
});

/** @throws ValiError where wrangler.toml does not say how large its puzzles are. */
export function scalePuzzles(wrangler: Vars): Puzzles {
  const challenge = v.parse(table, wrangler["CHALLENGE"]);
  const { iterations, trials_least: least, trials_most: most } = challenge.pow;
  const fullTrials = Math.max(1, Math.floor(least / TRIALS_LEAST));
  return {
    challenge: {
      ...challenge,
      pow: {
        ...challenge.pow,
        iterations: Math.min(iterations, ITERATIONS_LEAST),
        trials_least: Math.round(least / fullTrials),
        trials_most: Math.round(most / fullTrials),
      },
    },
    fullTrials,
    fullIterations: iterations,
  };
}
