/** Who takes part in a rush: so many buyers of each kind, each with an address, a quantity and a moment. Pure. */
import { type Random, seededRandom, shuffled } from "./random.ts";

/**
 * What a buyer does besides wanting a unit.
 *
 * - honest: one click, waits while everything is held, pays
 * - double-clicker: sends the same checkout twice at once
 * - replayer: sends its token again, also from another address, respelt, and with another body
 * - early-bird: asks for a token and guesses the gate before the round opens
 * - sharer: shares one address with all the others of its kind
 * - never-payer: takes a unit and lets the hold end
 * - late-payer: pays after the hold has ended
 * - canceller: takes a unit and gives it back
 */
export type BuyerKind =
  | "honest"
  | "double-clicker"
  | "replayer"
  | "early-bird"
  | "sharer"
  | "never-payer"
  | "late-payer"
  | "canceller";

/** Of a hundred buyers; honest ones are the rest. */
const SHARES: readonly (readonly [Exclude<BuyerKind, "honest">, number])[] = [
  ["double-clicker", 10],
  ["replayer", 10],
  ["early-bird", 10],
  ["sharer", 10],
  ["never-payer", 8],
  ["late-payer", 4],
  ["canceller", 4],
];

/** One in ten wants two units, the most that the round allows one buyer. */
const WANTS_TWO = 0.1;

/** How long after the opening a buyer clicks: most at once, the last after a second and a half. In milliseconds. */
const CLICK_MEAN_MS = 200;
const CLICK_MOST_MS = 1500;

/** The shared address, of a range for documentation (RFC 5737); the others have one each, of a private range. */
export const SHARED_ADDRESS = "203.0.113.7";

export interface Buyer {
  readonly id: string;
  readonly kind: BuyerKind;
  readonly address: string;
  readonly quantity: number;
  /** After the opening, in milliseconds. */
  readonly clicksAfterMs: number;
  /** From 0 to 1: whatever else is left to chance with this buyer. */
  readonly chance: number;
}

export function castBuyers(count: number, seed: number, sale: string): readonly Buyer[] {
  const random = seededRandom(seed);
  const kinds: BuyerKind[] = SHARES.flatMap(([kind, share]) =>
    Array<BuyerKind>(Math.round((count * share) / 100)).fill(kind),
  );
  while (kinds.length < count) kinds.push("honest");
  return shuffled(kinds.slice(0, count), random).map((kind, index) => ({
    id: `${sale}-${index + 1}`,
    kind,
    address: kind === "sharer" ? SHARED_ADDRESS : ownAddress(index),
    quantity: random.next() < WANTS_TWO ? 2 : 1,
    clicksAfterMs: Math.min(CLICK_MOST_MS, exponential(random, CLICK_MEAN_MS)),
    chance: random.next(),
  }));
}

/** 10.0.0.0/8 from 10.0.0.1 on. */
export function ownAddress(index: number): string {
  const host = index + 1;
  return `10.${(host >> 16) & 255}.${(host >> 8) & 255}.${host & 255}`;
}

function exponential(random: Random, mean: number): number {
  return -Math.log(1 - random.next()) * mean;
}
