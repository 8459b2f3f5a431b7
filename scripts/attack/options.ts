/** The arguments of `npm run attack`, checked. */
import { randomInt } from "node:crypto";
import { parseArguments, parseWholeNumber } from "../gateway/program.ts";
import { StartError } from "../gateway/start-error.ts";
import { type Defences, DEFENCES } from "./defences.ts";
import { PROFILES, type ProfileName } from "./profiles.ts";

export const ATTACK_HELP = `npm run attack -- [--profile all] [options]

Attacks gateways of its own, one profile after the other, with honest buyers in the same sale, once with the demo's
defences and once without, and tells what each side got and what it cost. Exit status 1 if a promise was broken while
the defences were on.

  --profile P        one of those below, or all, the standard
  --defences D       on, off or both, the standard
  --honest N         honest buyers: 300 unless given, at most 5000
  --attackers N      the attackers' accounts or addresses: 200 unless given, at most 5000
  --stock N          100 unless given
  --farm-cores N     of the attackers' computers, for proofs of work: 8 unless given (solvers: 1250, a graphics card)
  --seed N           repeats the same buyers; a new one unless given
  --json             the figures as JSON
  --write-docs       the figures into docs/red-team.md as well; for all profiles, on and off
  --help             this text

Profiles
${Object.entries(PROFILES)
  .map(([name, { tells }]) => `  ${name.padEnd(18)} ${tells}`)
  .join("\n")}`;

export interface AttackOptions {
  readonly profiles: readonly ProfileName[];
  readonly defences: readonly Defences[];
  readonly honest: number;
  readonly attackers: number;
  readonly stock: number;
  /** Null: as the profile says. */
  readonly farmCores: number | null;
  readonly seed: number;
  readonly writeDocs: boolean;
  readonly json: boolean;
}

/** What one generator on a small machine can play without becoming the thing that is measured. */
const IDENTITIES_MAX = 5000;
const STOCK_MAX = 100_000;
const FARM_CORES_MAX = 10_000_000;
const SEED_MAX = 2 ** 32 - 1;

/** @throws StartError with exit status 2. */
export function parseAttackOptions(args: readonly string[]): AttackOptions | "help" {
  const text = { type: "string" } as const;
  const { values } = parseArguments({
    args: [...args],
    strict: true,
    options: {
      profile: text,
      defences: text,
      honest: text,
      attackers: text,
      stock: text,
      "farm-cores": text,
      seed: text,
      "write-docs": { type: "boolean" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) return "help";
  const options = {
    profiles: choose("profile", values.profile, Object.keys(PROFILES).filter(isProfile), "all"),
    defences: choose("defences", values.defences, DEFENCES, "both"),
    honest: parseWholeNumber("honest", values.honest, 300, IDENTITIES_MAX),
    attackers: parseWholeNumber("attackers", values.attackers, 200, IDENTITIES_MAX),
    stock: parseWholeNumber("stock", values.stock, 100, STOCK_MAX),
    farmCores:
      values["farm-cores"] === undefined
        ? null
        : parseWholeNumber("farm-cores", values["farm-cores"], 1, FARM_CORES_MAX),
    seed: parseWholeNumber("seed", values.seed, randomInt(1, 1_000_000), SEED_MAX),
    writeDocs: values["write-docs"] ?? false,
    json: values.json ?? false,
  };
  const isWhole =
    options.profiles.length === Object.keys(PROFILES).length && options.defences.length === DEFENCES.length;
  if (options.writeDocs && !isWhole) throw new StartError("--write-docs needs every profile, on and off", 2);
  return options;
}

function isProfile(name: string): name is ProfileName {
  return Object.hasOwn(PROFILES, name);
}

/** One of `known`, or all of them. */
function choose<Name extends string>(
  option: string,
  given: string | undefined,
  known: readonly Name[],
  all: string,
): readonly Name[] {
  if (given === undefined || given === all) return known;
  const found = known.find((name) => name === given);
  if (found !== undefined) return [found];
  throw new StartError(`--${option} must be ${[...known, all].join(", ")}, not ${JSON.stringify(given)}`, 2);
}
