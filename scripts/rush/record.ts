/** What the buyers saw: the evidence that the promises are judged by. Plain data; buyers write, the judge reads. */

/** One order, as its buyer was told. */
export interface SeenOrder {
  readonly orderId: string;
  readonly buyerId: string;
  readonly quantity: number;
  /** Which token made it: the buyer's id and a number, never the token itself. */
  readonly tokenId: string;
  /** 202 answers: more than one would be two holds. */
  accepted: number;
  /** 200 answers to the same token sent again. */
  replayed: number;
  /** The newest status that the buyer or the origin was told: held, paid, cancelled or refund_due. */
  status: string;
}

export interface SaleRecord {
  readonly orders: Map<string, SeenOrder>;
  /** Refusals at the buyers' and the origin's calls, by code. */
  readonly refusals: Map<string, number>;
  /** Answers that the contract does not know: what came, and how often. */
  readonly unexpected: Map<string, number>;
  /** What was served before the round opened although it must not be: tokens, holds, the token's address. */
  readonly tooSoon: string[];
  /** Asked before the opening, and refused as it should be. */
  earlyRefused: number;
  /** Tokens issued to the shared address, by the local clock, in milliseconds. */
  readonly sharedTokensAt: number[];
  /** Of each buyer that would have paid and was sent away without having reached a limit: how many units it wanted. */
  readonly wentWithout: number[];
  /** Respelt tokens, and tokens with another body: sent, and not refused. */
  respelt: number;
  respeltAccepted: number;
}

export function newRecord(): SaleRecord {
  return {
    orders: new Map(),
    refusals: new Map(),
    unexpected: new Map(),
    tooSoon: [],
    earlyRefused: 0,
    sharedTokensAt: [],
    wentWithout: [],
    respelt: 0,
    respeltAccepted: 0,
  };
}

/** One more under a key. */
export function count(tally: Map<string, number>, key: string): void {
  tally.set(key, (tally.get(key) ?? 0) + 1);
}
