/** A steady load of buyers, each with one token and one checkout, that remembers what was acknowledged and what was not. */
import type { IssuedToken } from "../../scripts/rush/sale-api.ts";
import type { Attendee, TestSale } from "../support/node/sale.ts";

export interface Attempt {
  readonly buyer: Attendee;
  readonly issued: IssuedToken;
  /** The order, if the gateway said 202; null when no answer came: nobody knows what became of it. */
  readonly orderId: string | null;
}

export interface Load {
  readonly attempts: Attempt[];
  /** Refusals and faults, by code. */
  readonly refused: Map<string, number>;
  /** Ends it, and waits for the calls under way. */
  stop(): Promise<void>;
}

/** Buyers come one after the other in each of the lanes, until it is stopped or nobody is left. */
export function loadSale(sale: TestSale, buyers: readonly Attendee[], lanes: number): Load {
  const attempts: Attempt[] = [];
  const refused = new Map<string, number>();
  const waiting = buyers.values();
  let stopped = false;

  async function buy(buyer: Attendee): Promise<void> {
    const issued = await sale.api.token(buyer.address, buyer.jwt);
    if (!issued.ok) return refuse(issued.code);
    const { checkoutUrl, token } = issued.value;
    const outcome = await sale.api.checkout(buyer.address, checkoutUrl, token, 1);
    if (outcome.ok) attempts.push({ buyer, issued: issued.value, orderId: outcome.value.orderId });
    else if (outcome.code === "no-answer") attempts.push({ buyer, issued: issued.value, orderId: null });
    else refuse(outcome.code);
  }

  function refuse(code: string): void {
    refused.set(code, (refused.get(code) ?? 0) + 1);
  }

  const running = Array.from({ length: lanes }, async () => {
    for (const buyer of waiting) {
      if (stopped) return;
      await buy(buyer);
    }
  });
  return {
    attempts,
    refused,
    stop: async () => {
      stopped = true;
      await Promise.all(running);
    },
  };
}
