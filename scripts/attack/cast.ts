/** Who takes part in an attack: honest buyers and the attackers' accounts, with their addresses and moments. Pure. */
import { ownAddress } from "../rush/cast.ts";
import { seededRandom } from "../rush/random.ts";
import { countedUpId, disguisedId, honestId } from "./names.ts";
import { deviceTimes } from "./work/devices.ts";

export interface HonestBuyer {
  readonly id: string;
  readonly address: string;
  /** After the opening, in milliseconds: seeing that it is open, and one click. */
  readonly clicksAfterMs: number;
  /** From the order to the payment, in milliseconds. */
  readonly paysAfterMs: number;
  /** How many times longer its device needs for a proof of work than a core of the farm. */
  readonly deviceTimes: number;
  /** From 0 to 1: what else is left to chance. */
  readonly chance: number;
}

export interface Account {
  readonly id: string;
  readonly address: string;
}

export interface Crowd {
  readonly honest: readonly HonestBuyer[];
  readonly accounts: readonly Account[];
  /** Every address that the attackers have, accounts or not. */
  readonly addresses: readonly string[];
}

export interface CrowdShape {
  readonly honest: number;
  readonly accounts: number;
  readonly addresses: number;
  /** All honest buyers behind one address, as on a campus. */
  readonly honestShareAddress: boolean;
  /** The attackers behind that address, too. @default false */
  readonly attackersAmongThem?: boolean;
  /** Ids of the attackers' accounts that look like anybody's, instead of counted-up ones. @default false */
  readonly disguised?: boolean;
}

/** Nobody reacts faster (a simple reaction takes 200 to 300 ms); most within two seconds. In milliseconds. */
const REACTION_LEAST_MS = 300;
const REACTION_MEAN_MS = 900;
const REACTION_MOST_MS = 5000;
/** Paying takes a person longer; as long as a short hold leaves room for. In milliseconds. */
const PAYS_AFTER_LEAST_MS = 300;
const PAYS_AFTER_MOST_MS = 2000;

/** Of ranges for documentation (RFC 5737). */
const SHARED_ADDRESS = "203.0.113.7";
const ATTACKERS_ADDRESS = "198.51.100.66";
/** Far behind the honest buyers' addresses. */
const FIRST_ATTACKER = 1_000_000;

export function castCrowd(shape: CrowdShape, seed: number): Crowd {
  const random = seededRandom(seed);
  const between = (least: number, most: number): number => least + random.next() * (most - least);
  const honest = Array.from({ length: shape.honest }, (_, index) => ({
    id: honestId(random.next()),
    address: shape.honestShareAddress ? SHARED_ADDRESS : ownAddress(index),
    clicksAfterMs: Math.min(REACTION_MOST_MS, REACTION_LEAST_MS - Math.log(1 - random.next()) * REACTION_MEAN_MS),
    paysAfterMs: between(PAYS_AFTER_LEAST_MS, PAYS_AFTER_MOST_MS),
    deviceTimes: deviceTimes(random.next(), random.next()),
    chance: random.next(),
  }));
  const addresses = Array.from({ length: shape.addresses }, (_, index) =>
    shape.attackersAmongThem === true
      ? SHARED_ADDRESS
      : shape.addresses === 1
        ? ATTACKERS_ADDRESS
        : ownAddress(FIRST_ATTACKER + index),
  );
  const accounts = Array.from({ length: shape.accounts }, (_, index) => ({
    id: shape.disguised === true ? disguisedId(random.next()) : countedUpId(index + 1),
    address: addresses[index % addresses.length] ?? ATTACKERS_ADDRESS,
  }));
  return { honest, accounts, addresses };
}
