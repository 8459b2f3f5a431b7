/** How long a call takes with nobody else asking: of some that are sent one when the other was answered. */
import { setTimeout as sleep } from "node:timers/promises";
import { StartError } from "../../gateway/start-error.ts";
import { percentiles } from "../simulation/tally.ts";
import { round } from "./field.ts";

const MICROS_PER_MS = 1000;

export interface AloneOptions {
  /** In words, for the fault. */
  readonly what: string;
  /** The first call's index, and how many. */
  readonly first: number;
  readonly count: number;
  /** Before each. Milliseconds. */
  readonly pauseMs: number;
  readonly call: (index: number) => Promise<boolean>;
}

export interface Alone {
  readonly median: number;
  /** One of twenty takes longer. */
  readonly p95: number;
}

/** Microseconds, to a tenth. @throws StartError when a call is not answered as expected. */
export async function timeAlone({ what, first, count, pauseMs, call }: AloneOptions): Promise<Alone> {
  const times: number[] = [];
  for (let index = first; index < first + count; index++) {
    if (pauseMs > 0) await sleep(pauseMs);
    const sentAt = performance.now();
    if (!(await call(index))) throw new StartError(`A call of ${what} was not answered as expected`);
    times.push((performance.now() - sentAt) * MICROS_PER_MS);
  }
  const { p50, p95 } = percentiles(times);
  return { median: round(p50), p95: round(p95) };
}
