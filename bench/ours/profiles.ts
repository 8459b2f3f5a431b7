/**
 * Load profiles: ramp, spike and soak. A buyer arrives, asks for a token and checks out at once; buyers arrive at a constant
 * rate, whatever became of those before. `--long` gives each its full length.
 */
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { ownAddress } from "../../scripts/rush/cast.ts";
import type { BenchGateway } from "../gateway/gateway.ts";
import { signJwts } from "../gateway/passes.ts";
import { auditProduct, openProduct } from "../gateway/product.ts";
import type { Bench, BenchPlan, Findings, Ground } from "../ground.ts";
import { type Answer, type Arrival, playArrivals } from "../load/arrivals.ts";
import { wireRequest } from "../load/request.ts";
import { readMemory } from "../machine/cpu.ts";
import { factOf } from "../ratios.ts";
import type { Fact } from "../results.ts";
import { latencyOf, median } from "../statistics.ts";

/** Buyers that arrive in a second, for so many seconds. */
interface Step {
  readonly buyers: number;
  readonly seconds: number;
  /** All within the first moment of it, then nobody: a spike's first second. */
  readonly atOnce?: boolean;
}

interface Profile {
  readonly name: string;
  readonly short: readonly Step[];
  readonly long: readonly Step[];
}

const rampOf = (seconds: number): readonly Step[] =>
  [10, 50, 100, 250, 500, 750, 1000].map((buyers) => ({ buyers, seconds }));

const PROFILES: readonly Profile[] = [
  { name: "ramp", short: rampOf(2), long: rampOf(30) },
  {
    name: "spike",
    short: [
      { buyers: 1000, seconds: 1, atOnce: true },
      { buyers: 1000, seconds: 5 },
    ],
    long: [
      { buyers: 1000, seconds: 1, atOnce: true },
      { buyers: 1000, seconds: 60 },
    ],
  },
  { name: "soak", short: [{ buyers: 500, seconds: 20 }], long: [{ buyers: 500, seconds: 600 }] },
];

/** What a profile must keep. */
const P95_MOST_MS = 100;
const ERRORS_MOST = 0.01;
/** The last third's median against the middle third's. */
const GROWTH_MOST = 1.25;
const SECOND_MS = 1000;
const SAMPLE_MS = 500;
/** Buyers do not wait for a connection. */
const CONNECTIONS_MOST = 4000;
const MIB = 1024 ** 2;
const SAMPLES_LEAST = 9;
const CREATED = 201;
const HELD = 202;

function stepsOf(profile: Profile, { long }: BenchPlan): readonly Step[] {
  return long ? profile.long : profile.short;
}

export const profiles: Bench = {
  name: "profiles",
  tells: "ramp to 1,000 buyers a second, spike of 1,000 at once, soak at 500; each buyer takes a token and checks out",
  estimate: (plan) =>
    PROFILES.reduce((sum, profile) => {
      const seconds = stepsOf(profile, plan).reduce((all, step) => all + step.seconds, 0);
      return sum + 15 + seconds * 1.4;
    }, 0),
  run: measureProfiles,
};

async function measureProfiles(ground: Ground): Promise<Findings> {
  const facts: Fact[] = [];
  for (const profile of PROFILES) {
    ground.tell(profile.name);
    // Each on a gateway of its own: the one before must not have filled this one's objects.
    const gateway = await ground.gateway({ name: `profile-${profile.name}` });
    facts.push(...(await playProfile(profile, stepsOf(profile, ground.plan), gateway)));
    await gateway.stop();
  }
  return {
    conditions: { long: ground.plan.long },
    rounds: [],
    ratios: [],
    facts,
    notes: [
      "A buyer a second is a buyer who arrives, takes a token and checks out: two requests; latency counts from the planned arrival",
      "The server's own latency counts from the moment a request was sent. Errors are answers of 5xx, and none at all",
    ],
  };
}

async function playProfile(profile: Profile, steps: readonly Step[], gateway: BenchGateway): Promise<readonly Fact[]> {
  const product = await openProduct(gateway, profile.name, { stock: 1_000_000 });
  const arrivals = await arrivalsOf(steps, gateway, product.id);
  const watch = watchServer(gateway);
  const played = await playArrivals(gateway.url, arrivals, CONNECTIONS_MOST);
  const samples = await watch.stop();
  const faults = await auditProduct(product, gateway.databaseUrl);
  const { orders } = await product.ledger();
  const accepted = played.answers.filter(({ status }) => status === HELD).length;
  // An answer that never came may have been an order; one that came must be one.
  const unanswered = played.answers.filter(({ status }) => status === 0).length;
  if (orders.held < accepted || orders.held > accepted + unanswered) {
    faults.push(`${accepted} orders were confirmed, ${unanswered} calls not answered, ${orders.held} are held`);
  }
  if (faults.length > 0) console.error(`${profile.name}: ${faults.join("; ")}`);
  return factsOf(profile.name, arrivals.length, played.answers, samples, faults);
}

async function arrivalsOf(
  steps: readonly Step[],
  gateway: BenchGateway,
  productId: string,
): Promise<readonly Arrival[]> {
  const times: number[] = [];
  let from = 0;
  for (const { buyers, seconds, atOnce = false } of steps) {
    const count = atOnce ? buyers : buyers * seconds;
    for (let index = 0; index < count; index++) times.push(from + (atOnce ? 0 : (index * SECOND_MS) / buyers));
    from += seconds * SECOND_MS;
  }
  const jwts = await signJwts(
    gateway.vars,
    times.map((_, index) => `${productId}-${index}`),
  );
  return times.map((at, index) => {
    const address = ownAddress(index);
    const headers = { Authorization: `Bearer ${jwts[index]}` };
    const path = `/v1/products/${productId}/tokens`;
    return { at, request: wireRequest({ method: "POST", path, address, headers, body: "{}" }), checkoutFrom: address };
  });
}

interface Sample {
  readonly memory: number;
  /** Of Postgres, all clients. */
  readonly connections: number;
}

/** Looks at memory and at Postgres's connections until it is stopped. */
function watchServer(gateway: BenchGateway): { stop(): Promise<readonly Sample[]> } {
  const sql = postgres(gateway.databaseUrl, { max: 1, onnotice: () => {} });
  const samples: Sample[] = [];
  const ended = new AbortController();
  const watching = (async () => {
    while (!ended.signal.aborted) {
      const [row] = await sql<{ count: number }[]>`
        SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database()`;
      // Without Postgres's own processes, which share most of what they hold.
      samples.push({ memory: readMemory(gateway.pids.slice(0, 1)), connections: (row?.count ?? 1) - 1 });
      await sleep(SAMPLE_MS, undefined, { signal: ended.signal }).catch(() => {});
    }
  })();
  return {
    stop: async () => {
      ended.abort();
      await watching;
      await sql.end();
      return samples;
    },
  };
}

function factsOf(
  name: string,
  arrived: number,
  answers: readonly Answer[],
  samples: readonly Sample[],
  faults: readonly string[],
): readonly Fact[] {
  const fact = (what: string, value: number, unit: string, most?: number): Fact =>
    factOf(`${name}: ${what}`, value, unit, most);
  const good = answers.filter(({ status }) => status === CREATED || status === HELD);
  const service = latencyOf(good.map(({ serviceMs }) => serviceMs));
  const waited = latencyOf(good.map(({ latencyMs }) => latencyMs));
  const errors = answers.filter(({ status }) => status === 0 || status >= 500).length;
  const refused = answers.length - good.length - errors;
  return [
    fact("buyers", arrived, ""),
    fact("p50, the server's own", service.p50, "ms"),
    fact("p95, the server's own", service.p95, "ms", P95_MOST_MS),
    fact("p99, the server's own", service.p99, "ms"),
    fact("p95, from the planned moment", waited.p95, "ms"),
    fact("errors", errors / answers.length, "share", ERRORS_MOST),
    fact("refused, with a code", refused / answers.length, "share"),
    fact("faults in ledger and Postgres", faults.length, "", 0),
    fact("memory at the end", (samples.at(-1)?.memory ?? 0) / MIB, "MiB"),
    // A run of seconds has not settled yet: only a long one can tell.
    ...(samples.length < SAMPLES_LEAST
      ? []
      : [
          fact(
            "growth of memory, last third to middle third",
            growthOf(samples.map(({ memory }) => memory)),
            "",
            GROWTH_MOST,
          ),
          fact("most connections to Postgres", Math.max(...samples.map(({ connections }) => connections)), ""),
        ]),
  ];
}

function growthOf(values: readonly number[]): number {
  const third = Math.floor(values.length / 3);
  return median(values.slice(2 * third)) / median(values.slice(third, 2 * third));
}
