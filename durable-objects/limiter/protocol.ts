/** What the Worker and a limiter object say to each other. Types only: both sides import this file, neither the other. */

/** One limit that a request must fit. */
export interface TakeCheck {
  readonly policy: string;
  /** Whom the policy counts; see `src/limits/key.ts`. */
  readonly key: string;
  readonly limit: number;
  readonly windowMs: number;
  /** Counted, but never in the way of the others. */
  readonly shadow: boolean;
}

export interface CheckAnswer {
  /** Whether the request fits this limit. */
  readonly allowed: boolean;
  /** Units left of this limit, after the request if it was taken. */
  readonly remaining: number;
  /** Ms until the next unit comes back (allowed; 0 when all are there), or until the request would fit (not allowed). */
  readonly waitMs: number;
}

export interface TakeAnswer {
  /** Whether one unit of every limit was taken (of a shadow's only where it fits). If not, none was. */
  readonly taken: boolean;
  /** One for each check, in its order. */
  readonly answers: readonly CheckAnswer[];
}

/** The limiter object's methods, as the Worker calls them. */
export interface LimiterApi {
  /** One unit of each, all or nothing. Null: too many are waiting already, and nothing was done. */
  take(checks: readonly TakeCheck[]): Promise<TakeAnswer | null>;
}
