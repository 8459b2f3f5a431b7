/** Sales that one small machine can play without its generator becoming what is measured, as the simulation is told them. */
import type { Costs } from "../costs.ts";
import type { PlannedSale } from "../model.ts";
import { loopbackTripMs } from "../simulation/service-times.ts";
import type { Profile } from "../simulation/arrivals.ts";

export interface Scenario {
  readonly name: string;
  readonly tells: string;
  readonly buyers: number;
  readonly stock: number;
  readonly arrival: Profile;
  readonly arrivalMs: number;
}

/** One with room, one near what the machine can do, one that begins beyond it. */
export const SCENARIOS: readonly Scenario[] = [
  { name: "calm", tells: "80 buyers a second, evenly", buyers: 800, stock: 400, arrival: "poisson", arrivalMs: 10_000 },
  {
    name: "busy",
    tells: "160 buyers a second, evenly",
    buyers: 1600,
    stock: 800,
    arrival: "poisson",
    arrivalMs: 10_000,
  },
  {
    name: "spike",
    tells: "half of them in the first second and a half",
    buyers: 1500,
    stock: 500,
    arrival: "spike",
    arrivalMs: 10_000,
  },
];

/** Ends after the last has come, so that what comes back is seen apart. */
const HOLD_MS = 12_000;
const PAY_AFTER_MS = 400;
const PAY_SHARE = 0.8;
const MICROS_PER_MS = 1000;

/** One process with one isolate and one thread, at no distance: what the machine is. */
export function saleOf({ buyers, stock, arrival, arrivalMs }: Scenario, measured: Costs, seed: number): PlannedSale {
  const { costs } = measured;
  const beside = (name: "commit" | "writerBatch" | "writerEvent"): number =>
    Math.max(0, costs[name].wallMicros - costs[name].cpuMicros) / MICROS_PER_MS;
  return {
    crowd: {
      buyers,
      arrival,
      arrivalMs,
      waitingShare: 0,
      waitingMs: 0,
      thinkMs: 0,
      timeReads: 0,
      patienceMs: 0,
      stayMs: 0,
      doubleShare: 0,
      payShare: PAY_SHARE,
      payAfterMs: PAY_AFTER_MS,
      cancelShare: 0,
      watchingShare: 0,
      laterShare: 0,
      attackShare: 0,
      attackPerSecond: 0,
    },
    round: { stock, perBuyer: 1, quantity: 1, holdMs: HOLD_MS, challenge: "none", solveMs: 0 },
    places: {
      topology: "machine",
      isolates: 1,
      edgeTripMs: loopbackTripMs(measured),
      objectTripMs: 0,
      commitMs: beside("commit"),
      objectPerSecond: null,
      shards: 1,
      transactionMs: beside("writerBatch"),
      transactionEventMs: beside("writerEvent"),
    },
    seed,
  };
}
