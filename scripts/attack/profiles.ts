/** The attacks: who takes part, and what the attackers do. */
import type { AttackOptions } from "./options.ts";
import type { CrowdShape } from "./cast.ts";
import { buyWithEveryAccount, buyWithOneAccount, trickleIn } from "./profiles/accounts.ts";
import { comeEarly } from "./profiles/early.ts";
import { flood } from "./profiles/flood.ts";
import { hoard } from "./profiles/hoarders.ts";
import { replay } from "./profiles/replay.ts";
import { GRAPHICS_CARD_CORES } from "./work/devices.ts";
import type { Scene } from "./scene.ts";

export type ProfileName =
  | "one-account"
  | "one-address"
  | "botnet"
  | "early"
  | "replay"
  | "hoarders"
  | "solvers"
  | "disguised"
  | "neighbours"
  | "campus"
  | "flood";

export interface Profile {
  readonly tells: string;
  readonly shape: (options: Pick<AttackOptions, "honest" | "attackers">) => CrowdShape;
  /** @default as the options say */
  readonly stock?: (options: Pick<AttackOptions, "honest" | "stock">) => number;
  /** The cores of the attackers' farm. @default as the options say, or those of a few rented machines */
  readonly farmCores?: number;
  /** Runs from before the opening until the attackers have what they want, or may not go on. */
  readonly attack: (scene: Scene) => Promise<void>;
}

const manyOfBoth: Profile["shape"] = ({ honest, attackers }) => ({
  honest,
  accounts: attackers,
  addresses: attackers,
  honestShareAddress: false,
});

export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  "one-account": {
    tells: "one buyer, many requests from many addresses",
    shape: (options) => ({ ...manyOfBoth(options), accounts: 1 }),
    attack: buyWithOneAccount,
  },
  "one-address": {
    tells: "many accounts with counted-up ids behind one address",
    shape: (options) => ({ ...manyOfBoth(options), addresses: 1 }),
    attack: buyWithEveryAccount,
  },
  botnet: {
    tells: "many accounts, each with an address of its own, at machine speed",
    shape: manyOfBoth,
    attack: buyWithEveryAccount,
  },
  early: {
    tells: "early and direct callers who guess gates, then buy at the first millisecond",
    shape: manyOfBoth,
    attack: comeEarly,
  },
  replay: {
    tells: "tokens sent again, from elsewhere, respelt, with another body, and sold",
    shape: manyOfBoth,
    attack: replay,
  },
  hoarders: {
    tells: "many accounts that hold and never pay, again and again",
    shape: manyOfBoth,
    attack: hoard,
  },
  solvers: {
    tells: "the botnet with a graphics card that solves its proofs of work",
    shape: manyOfBoth,
    farmCores: GRAPHICS_CARD_CORES,
    attack: buyWithEveryAccount,
  },
  disguised: {
    tells: "many accounts behind one address, with ids like anybody's",
    shape: (options) => ({ ...manyOfBoth(options), addresses: 1, disguised: true }),
    attack: buyWithEveryAccount,
  },
  neighbours: {
    tells: "many accounts that trickle in behind the address that all honest buyers share",
    shape: (options) => ({ ...manyOfBoth(options), addresses: 1, honestShareAddress: true, attackersAmongThem: true }),
    attack: trickleIn,
  },
  campus: {
    tells: "no attacker: all honest buyers behind one address, a unit for each",
    shape: ({ honest }) => ({ honest, accounts: 0, addresses: 0, honestShareAddress: true }),
    stock: ({ honest }) => honest,
    attack: () => Promise.resolve(),
  },
  flood: {
    tells: "requests without identity, forged identities, tokens, gates and callbacks, made-up products",
    shape: (options) => ({ ...manyOfBoth(options), accounts: 1 }),
    attack: flood,
  },
};
