/** What is planned: a sale, its people, and the places between them. Times in milliseconds, shares from 0 to 1. */
import type { Profile } from "./simulation/arrivals.ts";

/** The people and what they do. */
export interface Crowd {
  readonly buyers: number;
  readonly arrival: Profile;
  /** From the opening until the last has come. */
  readonly arrivalMs: number;
  /** The share that has the page open before the opening, and how long on average. */
  readonly waitingShare: number;
  readonly waitingMs: number;
  /** From seeing the page to the click, on average, of those who come after the opening. */
  readonly thinkMs: number;
  /** Time reads of a page when it is opened. */
  readonly timeReads: number;
  /** How long somebody waits for a unit while all are held, and how long a page stays open after a last no. */
  readonly patienceMs: number;
  readonly stayMs: number;
  /** The share that sends its checkout twice. */
  readonly doubleShare: number;
  /** Of those who hold: who pays, who gives it back, on average after how long; the rest lets the hold end. */
  readonly payShare: number;
  readonly payAfterMs: number;
  readonly cancelShare: number;
  /** The share of buyers who keep the page open, and so ask for their order, while they pay. */
  readonly watchingShare: number;
  /** The share of orders that somebody looks at once more after they have left their object, days later. */
  readonly laterShare: number;
  /** The share of buyers that are scripts, and the requests a second that each sends during the arrival. */
  readonly attackShare: number;
  readonly attackPerSecond: number;
}

export interface Round {
  readonly stock: number;
  readonly perBuyer: number;
  /** Units that one buyer takes at once. */
  readonly quantity: number;
  readonly holdMs: number;
  readonly challenge: "pow" | "none";
  /** What a challenge takes to solve at rest, on average. */
  readonly solveMs: number;
}

/** `cloud`: Workers everywhere, objects each on a thread of their own. `machine`: one process with one thread for all. */
export interface Places {
  readonly topology: "cloud" | "machine";
  readonly isolates: number;
  /** From the buyer to the Worker and back; from the Worker to an object and back. */
  readonly edgeTripMs: number;
  readonly objectTripMs: number;
  /** From a commit until it is durable, and its answers may leave. */
  readonly commitMs: number;
  /** Calls that a product object takes in a second; null: as many as its measured cost allows. */
  readonly objectPerSecond: number | null;
  /** Product objects that share the stock. */
  readonly shards: number;
  /** One transaction of the writer, and each event in it. */
  readonly transactionMs: number;
  readonly transactionEventMs: number;
}

export interface PlannedSale {
  readonly crowd: Crowd;
  readonly round: Round;
  readonly places: Places;
  readonly seed: number;
}
