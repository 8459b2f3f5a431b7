/** What both sides saw: the evidence that an attack is judged by. Plain data; buyers and attackers write, the judge reads. */
import { count } from "../rush/record.ts";
import type { Outcome, PlacedOrder, Refused } from "../rush/sale-api.ts";

/** One honest buyer's way. */
export interface Journey {
  readonly id: string;
  /** Whether its payment was taken. */
  bought: boolean;
  /** Refusals by code. */
  readonly refusals: Map<string, number>;
  /** The refusal that sent it away; null if it bought. */
  endedBy: string | null;
  /** From the first click to the order, waits included, in milliseconds; null without an order. */
  clickToOrderMs: number | null;
  /** What its device spent on proofs of work, in milliseconds. */
  deviceMs: number;
}

/** One order of the attackers. Times are the gateway's, in milliseconds since the epoch. */
export interface Seizure {
  readonly orderId: string;
  /** The account whose token made it. */
  readonly accountId: string;
  readonly quantity: number;
  readonly heldAt: number;
  readonly holdExpiresAt: number;
  paid: boolean;
}

/** Proofs of work that one side solved. */
export interface Work {
  proofs: number;
  /** In wrangler.toml's size. */
  trials: number;
  /** On that side's cores, in milliseconds. */
  ms: number;
}

export interface AttackRecord {
  readonly journeys: Journey[];
  readonly seizures: Map<string, Seizure>;
  /** The attackers' refusals by code. */
  readonly attackersRefused: Map<string, number>;
  readonly farm: Work;
  readonly devices: Work;
  /** What must never happen, in words, as often as it did. */
  readonly breaches: Map<string, number>;
  /** What happened and is worth telling, in words, as often as it did. */
  readonly notes: Map<string, number>;
}

export function newAttackRecord(): AttackRecord {
  return {
    journeys: [],
    seizures: new Map(),
    attackersRefused: new Map(),
    farm: { proofs: 0, trials: 0, ms: 0 },
    devices: { proofs: 0, trials: 0, ms: 0 },
    breaches: new Map(),
    notes: new Map(),
  };
}

export function newJourney(id: string): Journey {
  return { id, bought: false, refusals: new Map(), endedBy: null, clickToOrderMs: null, deviceMs: 0 };
}

export function noteRefusal(journey: Journey, refused: Refused): void {
  count(journey.refusals, refused.code);
  journey.endedBy = refused.code;
}

export function noteWork(work: Work, trials: number, ms: number): void {
  work.proofs++;
  work.trials += trials;
  work.ms += ms;
}

/** Writes down what an attacker's checkout was answered with. */
export function noteSeizure(record: AttackRecord, accountId: string, outcome: Outcome<PlacedOrder>, now: number): void {
  if (!outcome.ok) {
    count(record.attackersRefused, outcome.code);
    return;
  }
  const { orderId, quantity, holdExpiresAt } = outcome.value;
  if (record.seizures.has(orderId)) return;
  record.seizures.set(orderId, {
    orderId,
    accountId,
    quantity,
    heldAt: now,
    holdExpiresAt: holdExpiresAt ?? now,
    paid: false,
  });
}
