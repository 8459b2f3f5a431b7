/** What the Worker and a limiter object say to each other. Types only: both sides import this file, neither the other. */
import type { Packed } from "../../src/packed.ts";

/** `sliding-log` and `gcra`: see the files of these names. Both are exact at every instant. */
export type ExactAlgorithm = "sliding-log" | "gcra";

/** One limit that a request must fit. */
export interface TakeCheck {
  readonly policy: string;
  /** A policy that changes its algorithm counts anew. */
  readonly algorithm: ExactAlgorithm;
  /** Whom the policy counts; see `src/limits/key.ts`. */
  readonly key: string;
  readonly limit: number;
  /** The most units that may come at once; `limit` where the algorithm knows no other. */
  readonly burst: number;
  readonly windowMs: number;
  /** Units that the request takes: at least 1, at most `burst`. */
  readonly cost: number;
  /** Counted, but never in the way of the others. */
  readonly shadow: boolean;
  /** Shadows of the same name are taken of together, or none of them is. @default each by itself */
  readonly together?: string;
  /** What it takes is on disk before the answer: for what nobody may have twice. @default false */
  readonly durable?: boolean;
}

export interface CheckAnswer {
  /** Whether the request fits this limit. */
  readonly allowed: boolean;
  /** Units left of this limit, after the request if it was taken. */
  readonly remaining: number;
  /** Ms until the next unit comes back (allowed; 0 when all are there), or until the request would fit (not allowed). */
  readonly waitMs: number;
  /** When its units were taken, ms since the epoch, by the count's own clock; null where none were. */
  readonly takenAt: number | null;
}

export interface TakeAnswer {
  /** Whether every limit was taken of (a shadow's only where it and its company fit). If not, none was. */
  readonly taken: boolean;
  /** One for each check, in its order. */
  readonly answers: readonly CheckAnswer[];
}

/** What a take took, to be given back. */
export interface Taken {
  readonly check: TakeCheck;
  /** As the take's answer said it. */
  readonly takenAt: number;
}

/** The limiter object's methods, as the Worker calls them. */
export interface LimiterApi {
  /** The cost of each check, all or nothing. */
  take(checks: readonly TakeCheck[]): Promise<Packed<TakeAnswer>>;
  /** Gives back what a request took that came to nothing. Once only: a second time takes back somebody else's unit. */
  giveBack(taken: readonly Taken[]): Promise<void>;
}
