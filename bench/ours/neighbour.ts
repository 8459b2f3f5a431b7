/**
 * A hot product and its neighbour: what a hold of a quiet product waits while another is bought out at full speed. Target 10.
 *
 * Both stand in one process and on one thread here, so the neighbour waits for its turn of the CPU. In production the two
 * objects are in different isolates, mostly on different machines, and share nothing but the Worker's code.
 */
import type { Bench, BenchPlan, Findings, Ground } from "../ground.ts";
import { countStatuses, playArrivals } from "../load/arrivals.ts";
import { auditProduct, openProduct } from "../gateway/product.ts";
import type { BenchGateway } from "../gateway/gateway.ts";
import { factOf } from "../ratios.ts";
import { type Latency, latencyOf, median } from "../statistics.ts";
import { StartError } from "../../scripts/gateway/start-error.ts";
import { checkoutRequests } from "./hold-subject.ts";

/** The neighbour's buyers, in a second. */
const NEIGHBOURS_PER_SECOND = 50;
const STOCK = 1_000_000;
const HOT_PER_SECOND_MOST = 10_000;
/** The hot product has its own pace first: the neighbour is looked at within it. */
const LEAD_SECONDS = 1;
const CHANGE_MOST = 1.5;
const CONNECTIONS_MOST = 200;
const SECOND_MS = 1000;
const HELD = 202;

function planOf(plan: BenchPlan): BenchPlan {
  return plan.quick ? { ...plan, seconds: 2 } : { ...plan, rounds: 5, seconds: 4 };
}

export const neighbour: Bench = {
  name: "neighbour",
  tells: "a quiet product's holds while another is bought at full speed, in the same process",
  estimate: (plan) => 10 + planOf(plan).rounds * (planOf(plan).seconds * 2 + 6),
  run: measureNeighbour,
};

async function measureNeighbour(ground: Ground): Promise<Findings> {
  const plan = planOf(ground.plan);
  const gateway = await ground.gateway();
  const alone: Latency[] = [];
  const besides: Latency[] = [];
  for (let round = 0; round < plan.rounds; round++) {
    const turns = [
      async () => alone.push(await quiet(gateway, `alone-${round}`, plan.seconds)),
      async () => besides.push(await besideHot(ground, gateway, plan, round)),
    ];
    ground.tell(`round ${round + 1} of ${plan.rounds}`);
    for (const turn of round % 2 === 0 ? turns : turns.toReversed()) await turn();
  }
  const changes = alone.map(({ p95 }, round) => (besides[round]?.p95 ?? Number.NaN) / p95);
  return {
    conditions: { ...plan, neighboursPerSecond: NEIGHBOURS_PER_SECOND },
    rounds: [],
    ratios: [],
    facts: [
      factOf("p50 alone", median(alone.map(({ p50 }) => p50)), "ms"),
      factOf("p95 alone", median(alone.map(({ p95 }) => p95)), "ms"),
      factOf("p50 beside a hot product", median(besides.map(({ p50 }) => p50)), "ms"),
      factOf("p95 beside a hot product", median(besides.map(({ p95 }) => p95)), "ms"),
      factOf("the neighbour's p95, times", median(changes), "", CHANGE_MOST),
    ],
    notes: [
      "One process and one thread here: the neighbour waits for its turn of the CPU, in production only for its own object",
    ],
  };
}

/** Holds of a quiet product at a constant rate. */
async function quiet(gateway: BenchGateway, productId: string, seconds: number): Promise<Latency> {
  const product = await openProduct(gateway, productId, { stock: STOCK });
  const count = NEIGHBOURS_PER_SECOND * seconds;
  const requests = await checkoutRequests(gateway, product.id, product.checkoutPath, count);
  const arrivals = requests.map((request, index) => ({ at: (index * SECOND_MS) / NEIGHBOURS_PER_SECOND, request }));
  const { answers } = await playArrivals(gateway.url, arrivals, CONNECTIONS_MOST);
  const statuses = countStatuses(answers);
  if (statuses[HELD] !== count) throw new StartError(`The neighbour was answered ${JSON.stringify(statuses)}`);
  return latencyOf(answers.map(({ latencyMs }) => latencyMs));
}

async function besideHot(ground: Ground, gateway: BenchGateway, plan: BenchPlan, round: number): Promise<Latency> {
  const hot = await openProduct(gateway, `hot-${round}`, { stock: STOCK });
  const seconds = plan.seconds + 2 * LEAD_SECONDS;
  const requests = await checkoutRequests(gateway, hot.id, hot.checkoutPath, seconds * HOT_PER_SECOND_MOST);
  const heating = ground.generator.run({ url: gateway.url, requests, connections: plan.connections, seconds });
  await new Promise((resolve) => setTimeout(resolve, LEAD_SECONDS * SECOND_MS));
  const latency = await quiet(gateway, `beside-${round}`, plan.seconds);
  await heating;
  const faults = await auditProduct(hot, gateway.databaseUrl);
  if (faults.length > 0) throw new StartError(`The hot product is wrong: ${faults.join("; ")}`);
  return latency;
}
