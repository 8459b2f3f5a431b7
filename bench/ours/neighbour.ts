/**
 * A hot product and its neighbour: what a hold of a quiet product waits while another is bought out at full speed. Target 10.
 *
 * The target is that of one process, where both stand on one thread and the neighbour waits for its turn of the CPU. Three
 * more say what of that is this place's: two objects of the bare Worker, which do nothing, in one process; the hot product in a
 * gateway process of its own, nearer to production, where the two objects are in different isolates and mostly on different
 * machines; and a hot product that is asked half of what it can take.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { StartError } from "../../scripts/gateway/start-error.ts";
import { ownAddress } from "../../scripts/rush/cast.ts";
import type { BenchGateway } from "../gateway/gateway.ts";
import { auditProduct, openProduct } from "../gateway/product.ts";
import type { Bench, BenchPlan, Findings, Ground } from "../ground.ts";
import { constantRate, countStatuses, playArrivals } from "../load/arrivals.ts";
import type { Generator, Load, Loaded } from "../load/generator.ts";
import { wireRequest } from "../load/request.ts";
import { factOf } from "../ratios.ts";
import type { Fact } from "../results.ts";
import { expectStatuses } from "../rounds.ts";
import { type Latency, latencyOf, median } from "../statistics.ts";
import { checkoutRequests } from "./hold-subject.ts";

/** The neighbour's buyers, in a second. */
const NEIGHBOURS_PER_SECOND = 50;
const STOCK = 1_000_000;
const HOT_PER_SECOND_MOST = 10_000;
/** More than what was measured: no token may be sent twice. */
const SPARE = 2;
/** The hot product has its own pace first: the neighbour is looked at within it. */
const LEAD_SECONDS = 1;
const CHANGE_MOST = 1.5;
const CONNECTIONS_MOST = 200;
const SECOND_MS = 1000;
const HELD = 202;
const OK = 200;
/** Different requests of an object that does nothing. */
const VARIETY = 2000;

function planOf(plan: BenchPlan): BenchPlan {
  return plan.quick ? { ...plan, seconds: 2 } : { ...plan, rounds: 5, seconds: 4 };
}

/** How a neighbour is looked at: alone, or beside something. */
const CASES = {
  bareAlone: "a no-op object alone",
  bareBeside: "a no-op object beside a hot one",
  alone: "alone",
  beside: "beside a hot product",
  besideHalf: "beside a product at half of what it can take",
  besideOther: "beside a hot product in another process",
} as const;

type Case = keyof typeof CASES;

export const neighbour: Bench = {
  name: "neighbour",
  tells: "a quiet product's holds while another is bought at full speed, in the same process and in another",
  estimate: (plan) => 25 + planOf(plan).rounds * Object.keys(CASES).length * (planOf(plan).seconds + 3),
  run: measureNeighbour,
};

async function measureNeighbour(ground: Ground): Promise<Findings> {
  const plan = planOf(ground.plan);
  const baseline = await ground.baseline();
  const gateway = await ground.gateway();
  const other = await ground.gateway({ name: "neighbour-other" });
  ground.tell("how much the hot product takes");
  const first = { productId: "hot-first", perSecondMost: HOT_PER_SECOND_MOST };
  const { loaded } = await heat(ground.generator, gateway, first, plan, async () => {});
  const perSecond = loaded.answered / loaded.seconds;
  const half = constantRate(Math.round(perSecond / 2));
  // A product a turn: no name comes twice.
  let turns = 0;
  const quietly = () => quiet(gateway, `quiet-${turns++}`, plan.seconds);
  const beside = async (generator: Generator, hotGateway: BenchGateway): Promise<Latency> =>
    (
      await heat(
        generator,
        hotGateway,
        { productId: `hot-${turns++}`, perSecondMost: Math.ceil(SPARE * perSecond) },
        plan,
        quietly,
      )
    ).value;
  const looks: Readonly<Record<Case, () => Promise<Latency>>> = {
    bareAlone: () => quietObject(baseline.url, plan.seconds),
    bareBeside: () => besideHotObject(ground.generator, baseline.url, plan),
    alone: quietly,
    beside: () => beside(ground.generator, gateway),
    besideHalf: () => beside(half, gateway),
    besideOther: () => beside(ground.generator, other),
  };
  const seen: Record<Case, Latency[]> = {
    bareAlone: [],
    bareBeside: [],
    alone: [],
    beside: [],
    besideHalf: [],
    besideOther: [],
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an object's keys are these
  const cases = Object.keys(CASES) as Case[];
  for (let round = 0; round < plan.rounds; round++) {
    for (const name of round % 2 === 0 ? cases : cases.toReversed()) {
      ground.tell(`round ${round + 1} of ${plan.rounds}, ${CASES[name]}`);
      seen[name].push(await looks[name]());
    }
  }
  return {
    conditions: { ...plan, neighboursPerSecond: NEIGHBOURS_PER_SECOND, half: half.name },
    rounds: [],
    ratios: [],
    facts: [
      ...cases.flatMap((name) => [
        factOf(`p50 ${CASES[name]}`, median(seen[name].map(({ p50 }) => p50)), "ms"),
        factOf(`p95 ${CASES[name]}`, median(seen[name].map(({ p95 }) => p95)), "ms"),
      ]),
      changeFact("the neighbour's p95, times", seen.alone, seen.beside, CHANGE_MOST),
      changeFact("the same of two objects that do nothing, times", seen.bareAlone, seen.bareBeside),
      changeFact("the same with the hot product at half of its rate, times", seen.alone, seen.besideHalf),
      changeFact("the same with the hot product in another process, times", seen.alone, seen.besideOther),
    ],
    notes: [
      "One process and one thread, where nothing else is said: the neighbour waits for its turn of the CPU, in production only for its own object",
      "In another process the two share the machine's two cores, Postgres and its disk with each other and with the generators",
    ],
  };
}

/** Each round compares its own looks. */
function changeFact(name: string, before: readonly Latency[], after: readonly Latency[], most?: number): Fact {
  const changes = before.map(({ p95 }, round) => (after[round]?.p95 ?? Number.NaN) / p95);
  return factOf(name, median(changes), "", most);
}

/** Holds of a quiet product at a constant rate. */
async function quiet(gateway: BenchGateway, productId: string, seconds: number): Promise<Latency> {
  const product = await openProduct(gateway, productId, { stock: STOCK });
  const count = NEIGHBOURS_PER_SECOND * seconds;
  const requests = await checkoutRequests(gateway, product.id, product.checkoutPath, count);
  return play(gateway.url, requests, HELD);
}

/** Calls of a quiet object that does nothing, at the same rate. */
async function quietObject(url: string, seconds: number): Promise<Latency> {
  const requests = Array.from({ length: NEIGHBOURS_PER_SECOND * seconds }, (_, index) =>
    wireRequest({ method: "GET", path: "/noop/quiet", address: ownAddress(index) }),
  );
  return play(url, requests, OK);
}

async function play(url: string, requests: readonly string[], wanted: number): Promise<Latency> {
  const arrivals = requests.map((request, index) => ({ at: (index * SECOND_MS) / NEIGHBOURS_PER_SECOND, request }));
  const { answers } = await playArrivals(url, arrivals, CONNECTIONS_MOST);
  const statuses = countStatuses(answers);
  if (statuses[wanted] !== requests.length) {
    throw new StartError(`The neighbour was answered ${JSON.stringify(statuses)}`);
  }
  return latencyOf(answers.map(({ latencyMs }) => latencyMs));
}

interface Heated<Value> {
  readonly loaded: Loaded;
  readonly value: Value;
}

/** Buys a product as fast as the generator does, looks at something else meanwhile, and audits the product. */
async function heat<Value>(
  generator: Generator,
  gateway: BenchGateway,
  { productId, perSecondMost }: { readonly productId: string; readonly perSecondMost: number },
  plan: BenchPlan,
  look: () => Promise<Value>,
): Promise<Heated<Value>> {
  const hot = await openProduct(gateway, productId, { stock: STOCK });
  const seconds = plan.seconds + 2 * LEAD_SECONDS;
  const requests = await checkoutRequests(gateway, hot.id, hot.checkoutPath, seconds * perSecondMost);
  const load = { url: gateway.url, requests, connections: plan.connections, seconds };
  const heated = await lookMeanwhile(generator, load, HELD, look);
  const faults = await auditProduct(hot, gateway.databaseUrl);
  if (faults.length > 0) throw new StartError(`The hot product is wrong: ${faults.join("; ")}`);
  return heated;
}

async function besideHotObject(generator: Generator, url: string, plan: BenchPlan): Promise<Latency> {
  const seconds = plan.seconds + 2 * LEAD_SECONDS;
  const requests = Array.from({ length: VARIETY }, (_, index) =>
    wireRequest({ method: "GET", path: "/noop", address: ownAddress(index) }),
  );
  const load = { url, requests, connections: plan.connections, seconds };
  return (await lookMeanwhile(generator, load, OK, () => quietObject(url, plan.seconds))).value;
}

async function lookMeanwhile<Value>(
  generator: Generator,
  load: Load,
  wanted: number,
  look: () => Promise<Value>,
): Promise<Heated<Value>> {
  const heating = generator.run(load);
  await sleep(LEAD_SECONDS * SECOND_MS);
  const [loaded, value] = await Promise.all([heating, look()]);
  const faults = expectStatuses(loaded, wanted);
  if (faults.length > 0) throw new StartError(`The hot neighbour gave wrong answers: ${faults.join("; ")}`);
  return { loaded, value };
}
