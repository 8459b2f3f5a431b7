/**
 * The limits of a peer that has no other store for them: per client address and per buyer, in the process's own memory, by
 * rate-limiter-flexible. Exact as long as one process serves, which it does here; that is in the peer's favour.
 */
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { WINDOW_SECONDS } from "./environment.ts";
import { type Hold, refuse } from "./face.ts";

export interface RequestLimits {
  /** Requests of one address within the window. */
  readonly CLIENT_LIMIT: number;
  /** Requests of one buyer within the window. */
  readonly BUYER_LIMIT: number;
}

export function withMemoryLimits(hold: Hold, { CLIENT_LIMIT, BUYER_LIMIT }: RequestLimits): Hold {
  const perClient = new RateLimiterMemory({ points: CLIENT_LIMIT, duration: WINDOW_SECONDS });
  const perBuyer = new RateLimiterMemory({ points: BUYER_LIMIT, duration: WINDOW_SECONDS });
  return async (wish) => {
    if (!(await isWithin(perClient, wish.client)) || !(await isWithin(perBuyer, wish.buyerId))) {
      return refuse("rate-limited");
    }
    return hold(wish);
  };
}

/** The library refuses by throwing what it counted. */
export async function isWithin(limiter: Pick<RateLimiterMemory, "consume">, key: string): Promise<boolean> {
  try {
    await limiter.consume(key);
    return true;
  } catch (fault) {
    if (fault instanceof RateLimiterRes) return false;
    throw fault;
  }
}
