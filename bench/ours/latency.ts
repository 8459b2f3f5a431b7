/** What an order waits at a constant 500 arrivals a second, against the Postgres peers. The second half of target 3. */
import { HOLD_FLOORS } from "../floors/floor-names.ts";
import { floorRatios, holdFloor, holdFloorPath } from "../floors/floors.ts";
import { createDatabase } from "../gateway/gateway.ts";
import { makeBuyers, mintTokens, readTokenKey } from "../gateway/passes.ts";
import type { Bench, BenchPlan, Findings, Ground } from "../ground.ts";
import { constantRate } from "../load/arrivals.ts";
import { peerSubject } from "../peer-subject.ts";
import { findPeer, type PeerName } from "../peers/catalog.ts";
import { type Measure, ratioOf, SERVER_CPU } from "../ratios.ts";
import { runRounds, type Subject } from "../rounds.ts";
import { checkoutRequest, HOLD, holdSubject } from "./hold-subject.ts";

const PER_SECOND = 500;
const PEERS = ["node-postgres", "node-postgres-function"] as const satisfies readonly PeerName[];

const P50: Measure = { name: "p50 at 500/s", of: ({ latencyMs }) => latencyMs?.p50 ?? Number.NaN };
const P99: Measure = { name: "p99 at 500/s", of: ({ latencyMs }) => latencyMs?.p99 ?? Number.NaN };
/** The most of the tuned Postgres peer's. */
const MOST = { p50: 1.3, p99: 1.2 };

function planOf(plan: BenchPlan): BenchPlan {
  return plan.quick ? { ...plan, seconds: 2 } : { ...plan, rounds: 9, seconds: 4 };
}

export const latency: Bench = {
  name: "latency",
  tells: "what an order waits at a constant 500 arrivals a second, queueing included, against the Postgres peers",
  estimate: (plan) => 15 + (planOf(plan).rounds + 1) * 5 * (planOf(plan).seconds + 2),
  run: measureLatency,
};

async function measureLatency(ground: Ground): Promise<Findings> {
  const plan = planOf(ground.plan);
  const gateway = await ground.gateway();
  const tokenKey = readTokenKey(gateway.vars);
  const buyers = makeBuyers("buyer", 2 * PER_SECOND * plan.seconds);
  const tokens = await mintTokens({ ...tokenKey, gateway: "sluice" }, "bench", 1, buyers);
  const requestsTo = (path: string) => tokens.map((token, index) => checkoutRequest(path, token, index));
  const requests = requestsTo("/v1/products/bench/checkout/gate");
  const floors = await ground.floors(gateway);
  const peers: Subject[] = [];
  for (const name of PEERS) {
    const databaseUrl = await createDatabase(ground.database, `latency_${name.replaceAll("-", "_")}`);
    const options = { databaseUrl, stock: 0, perBuyer: 1, tokenKey: tokenKey.secret };
    peers.push(peerSubject(name, ground.keep(await findPeer(name).start(options)), requests, { delivers: true }));
  }
  const subjects = [
    holdSubject(gateway, { prefix: "latency", perSecondMost: PER_SECOND }),
    ...(["told", "untold"] as const).map((kind) => holdFloor(floors, kind, requestsTo(holdFloorPath(kind)))),
    ...peers,
  ];
  const { rounds, thrownAway } = await runRounds(subjects, plan, constantRate(PER_SECOND), ground.tell);
  const wanted = { subject: HOLD, baseline: "node-postgres" };
  return {
    conditions: { ...plan, perSecond: PER_SECOND },
    rounds,
    ratios: [
      ratioOf(rounds, { ...wanted, target: MOST.p50, atMost: true, floor: HOLD_FLOORS.told }, P50),
      ratioOf(rounds, { ...wanted, target: MOST.p99, atMost: true, floor: HOLD_FLOORS.told }, P99),
      ratioOf(rounds, wanted, SERVER_CPU),
      ratioOf(rounds, { subject: HOLD, baseline: "node-postgres-function" }, P50),
      ratioOf(rounds, { subject: HOLD, baseline: "node-postgres-function" }, P99),
      ...Object.values(HOLD_FLOORS).flatMap((floor) => floorRatios(rounds, floor, wanted, P50, P99)),
    ],
    thrownAway,
    notes: [
      "Latency counts from the planned moment of arrival, or from when a request left where the generator's timer was early (up to 1 ms)",
    ],
  };
}
