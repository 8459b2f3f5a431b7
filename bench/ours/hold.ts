/** The durable hold against a no-op object call, against those that do the same work, and against its floor. Target 3. */
import { baselineSubject, NOOP } from "../baseline/baseline.ts";
import { HOLD_FLOORS } from "../floors/floor-names.ts";
import { floorRatios, holdFloor, holdFloorPath } from "../floors/floors.ts";
import { createDatabase } from "../gateway/gateway.ts";
import { makeBuyers, mintTokens, readTokenKey } from "../gateway/passes.ts";
import type { Bench, BenchPlan, Findings, Ground } from "../ground.ts";
import { peerSubject } from "../peer-subject.ts";
import { findPeer, type PeerName } from "../peers/catalog.ts";
import { medianSlice, ratioOf, SERVER_CPU, THROUGHPUT, type Wanted } from "../ratios.ts";
import { runRounds, type Subject } from "../rounds.ts";
import { checkoutRequest, HOLD, holdSubject, SALE, saleSubject } from "./hold-subject.ts";

/** Those that verify, limit, hold once per buyer durably, and bring the order to Postgres, as the gateway does. */
const SAME_WORK = [
  "worker-redis-rest",
  "node-redis-stream",
  "node-postgres",
  "node-postgres-function",
  "synchronous",
] as const satisfies readonly PeerName[];

const WANTED: readonly Wanted[] = [
  { subject: HOLD, baseline: NOOP, target: 1, floor: HOLD_FLOORS.told },
  { subject: HOLD, baseline: "worker-redis-rest", target: 1.3, floor: HOLD_FLOORS.told },
  { subject: HOLD, baseline: "node-postgres", target: 4, floor: HOLD_FLOORS.told },
  { subject: HOLD, baseline: "node-postgres-function" },
  { subject: HOLD, baseline: "node-redis-stream" },
  { subject: HOLD, baseline: "synchronous" },
  { subject: SALE, baseline: HOLD },
];

const CPU_WANTED: readonly Wanted[] = [
  { subject: HOLD, baseline: NOOP },
  { subject: HOLD, baseline: "node-postgres", target: 0.2, atMost: true, floor: HOLD_FLOORS.told },
  { subject: HOLD, baseline: "node-postgres-function" },
  { subject: HOLD, baseline: "worker-redis-rest" },
  { subject: HOLD, baseline: "node-redis-stream" },
  { subject: HOLD, baseline: "synchronous" },
];

/** Units of the sale with many more buyers. */
const SALE_STOCK = 500;
/** What the peers are asked for at the most in a second, more than the 11,500 that the fastest was seen to answer in a quiet hour; prepared once, since they begin anew each turn. */
const TOKENS_PER_SECOND = 16_000;

/** Longer slices than elsewhere, because a queue's batch may wait for a second. */
function planOf(plan: BenchPlan): BenchPlan {
  return plan.quick ? plan : { ...plan, rounds: 5, seconds: 2 };
}

export const hold: Bench = {
  name: "hold",
  tells:
    "a durable hold, through limits, token, object and outbox into Postgres, against a no-op call and the same work of others",
  estimate: (plan) => 20 + (planOf(plan).rounds + 1) * (SAME_WORK.length + 5) * (planOf(plan).seconds + 2),
  run: measureHold,
};

async function measureHold(ground: Ground): Promise<Findings> {
  const plan = planOf(ground.plan);
  const baseline = await ground.baseline();
  const gateway = await ground.gateway();
  const floors = await ground.floors(gateway);
  const tokenKey = readTokenKey(gateway.vars);
  const buyers = makeBuyers("buyer", 2 * TOKENS_PER_SECOND * plan.seconds);
  const tokens = await mintTokens({ ...tokenKey, gateway: "sluice" }, "bench", 1, buyers);
  const requestsTo = (path: string) => tokens.map((token, index) => checkoutRequest(path, token, index));
  const requests = requestsTo("/v1/products/bench/checkout/gate");
  const peers: Subject[] = [];
  for (const name of SAME_WORK) {
    const databaseUrl = await createDatabase(ground.database, `hold_${name.replaceAll("-", "_")}`);
    const running = ground.keep(
      await findPeer(name).start({ databaseUrl, stock: 0, perBuyer: 1, tokenKey: tokenKey.secret }),
    );
    peers.push(peerSubject(name, running, requests, { delivers: true }));
  }
  const subjects = [
    baselineSubject(NOOP, baseline, requestsTo("/noop")),
    holdSubject(gateway),
    ...(["told", "untold"] as const).map((kind) => holdFloor(floors, kind, requestsTo(holdFloorPath(kind)))),
    saleSubject(gateway, SALE_STOCK),
    ...peers,
  ];
  const { rounds, thrownAway } = await runRounds(subjects, plan, ground.generator, ground.tell);
  return {
    conditions: { ...plan, saleStock: SALE_STOCK },
    rounds,
    ratios: [
      ...WANTED.map((wanted) => ratioOf(rounds, wanted)),
      ...CPU_WANTED.map((wanted) => ratioOf(rounds, wanted, SERVER_CPU)),
      ...Object.values(HOLD_FLOORS).flatMap((floor) =>
        floorRatios(rounds, floor, { subject: HOLD, baseline: NOOP }, THROUGHPUT, SERVER_CPU),
      ),
    ],
    costs: {
      hold: { cpuMicros: medianSlice(rounds, HOLD).serverMicros },
      objectCall: { cpuMicros: medianSlice(rounds, NOOP).serverMicros },
    },
    thrownAway,
    notes: [
      "Every answer counts only after its order was found in ledger and Postgres; CPU includes the writer's work until the last row",
      "A floor is the least program with the same bindings: no limits, rounds, audit, retention or traces (bench/workers/floors.ts)",
      "CPU per answer counts all processes of a server: workerd and Node, Redis, and its share of Postgres",
    ],
  };
}
