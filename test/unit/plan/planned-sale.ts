/** A small sale to be changed one thing at a time, the rules and service times that go with it. */
import type { GatewayRules } from "../../../scripts/plan/gateway-rules.ts";
import type { Crowd, PlannedSale, Places, Round } from "../../../scripts/plan/model.ts";
import type { ServiceTimes } from "../../../scripts/plan/simulation/service-times.ts";

export const RULES: GatewayRules = {
  copyMaxAgeMs: 1000,
  retentionMs: 172_800_000,
  limiterShards: 4,
  storeTimeoutMs: 1000,
  clientTake: true,
  buyerTake: true,
  accountsTake: true,
  tokensPerBuyer: { limit: 10, perSeconds: 60 },
  trials: { least: 300, most: 3000, fullPressurePerSecond: 100 },
  batch: { messages: 10, timeoutMs: 1000, atOnce: 4 },
  logged: 1,
};

const NO_MORE = { awake: 0, rested: 0, spread: 0 };

export const TIMES: ServiceTimes = {
  lone: {
    timeRead: NO_MORE,
    productRead: NO_MORE,
    refusalAtEdge: NO_MORE,
    checkoutRefused: NO_MORE,
    challengeIssue: NO_MORE,
    tokenIssue: NO_MORE,
    tokenSolved: NO_MORE,
    hold: { awake: 0.5, rested: 2, spread: 0 },
    payment: NO_MORE,
    orderRead: NO_MORE,
    archivedRead: NO_MORE,
  },
  worker: {
    timeRead: 0.1,
    productRead: 0.1,
    refusalAtEdge: 0.1,
    checkoutRefused: 0.1,
    challengeIssue: 1,
    tokenIssue: 1,
    tokenSolved: 1.5,
    hold: 0.4,
    payment: 0.3,
    orderRead: 0.5,
    archivedRead: 2,
  },
  limiterTake: 0.1,
  limiterFlush: 0.4,
  call: 0.1,
  command: 0.1,
  acknowledgement: 0.01,
  commit: 0.5,
  writerBatch: 5,
  writerEvent: 0.05,
  commandsPerSecond: 5000,
};

interface Changes {
  readonly crowd?: Partial<Crowd>;
  readonly round?: Partial<Round>;
  readonly places?: Partial<Places>;
  readonly seed?: number;
}

/** 2,000 buyers within ten seconds, 200 units, in the cloud; nobody double-clicks, waits or watches. */
export function plannedSale({ crowd, round, places, seed = 1 }: Changes = {}): PlannedSale {
  return {
    crowd: {
      buyers: 2000,
      arrival: "poisson",
      arrivalMs: 10_000,
      waitingShare: 0,
      waitingMs: 0,
      thinkMs: 0,
      timeReads: 0,
      patienceMs: 0,
      stayMs: 0,
      doubleShare: 0,
      payShare: 0.8,
      payAfterMs: 1000,
      cancelShare: 0.1,
      watchingShare: 0,
      laterShare: 0,
      attackShare: 0,
      attackPerSecond: 0,
      ...crowd,
    },
    round: { stock: 200, perBuyer: 1, quantity: 1, holdMs: 30_000, challenge: "none", solveMs: 200, ...round },
    places: {
      topology: "cloud",
      isolates: 5,
      edgeTripMs: 30,
      objectTripMs: 20,
      commitMs: 5,
      objectPerSecond: 1000,
      shards: 1,
      transactionMs: 10,
      transactionEventMs: 0.1,
      ...places,
    },
    seed,
  };
}
