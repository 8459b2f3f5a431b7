/** The gateway's clock, as far as it can be known from outside. */
import { StartError } from "../gateway/start-error.ts";
import type { SaleApi } from "./sale-api.ts";

export interface GatewayClock {
  /** The gateway's clock, in milliseconds since the epoch. */
  readonly now: () => number;
  /** How wrong `now` may be, in milliseconds. */
  readonly nowErrorMs: number;
}

const CLOCK_SAMPLES = 5;

/** The gateway's clock against ours, by the sample with the shortest way (Cristian's algorithm). */
export async function readClock(api: SaleApi): Promise<GatewayClock> {
  let best: { readonly offset: number; readonly trip: number } | undefined;
  for (let sample = 0; sample < CLOCK_SAMPLES; sample++) {
    const sentAt = Date.now();
    const outcome = await api.time();
    const trip = Date.now() - sentAt;
    if (!outcome.ok) throw new StartError(`GET /v1/time answers ${outcome.code}`);
    if (best === undefined || trip < best.trip) best = { offset: outcome.value.now - sentAt - trip / 2, trip };
  }
  const { offset, trip } = best ?? { offset: 0, trip: 0 };
  return { now: () => Date.now() + offset, nowErrorMs: trip / 2 + 1 };
}
