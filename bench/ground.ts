/** What benches stand on: the bundle, Postgres, the generator, and the servers that each bench starts and that end with it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleWorker } from "../scripts/gateway/bundle.ts";
import type { RealPostgres } from "../scripts/postgres/real-postgres.ts";
import { startBaseline } from "./baseline/baseline.ts";
import { type RunningFloors, startFloors } from "./floors/floors.ts";
import { type BenchGateway, type BenchGatewayOptions, startBenchGateway } from "./gateway/gateway.ts";
import { findGenerator, type StoppableGenerator } from "./load/generator.ts";
import { startBenchPostgres } from "./peers/bench-postgres.ts";
import type { Cost, Fact, Machine, Ratio, Slice } from "./results.ts";
import type { RoundsPlan } from "./rounds.ts";
import type { RunningServer } from "./server.ts";

/** What a bench found, before machine and time are added. */
export interface Findings {
  readonly conditions: Readonly<Record<string, string | number | boolean>>;
  readonly rounds: readonly (readonly Slice[])[];
  readonly ratios: readonly Ratio[];
  readonly facts?: readonly Fact[];
  readonly costs?: Readonly<Record<string, Cost>>;
  readonly thrownAway?: readonly string[];
  readonly notes?: readonly string[];
}

export interface Bench {
  readonly name: string;
  /** One line for --list. */
  readonly tells: string;
  /** About how long it takes, in seconds: for the estimate of the time left until it has run. */
  estimate(plan: BenchPlan): number;
  run(ground: Ground): Promise<Findings>;
}

export interface BenchPlan extends RoundsPlan {
  readonly quick: boolean;
  /** Load profiles at their full length. */
  readonly long: boolean;
}

export interface Ground {
  readonly plan: BenchPlan;
  readonly generator: StoppableGenerator;
  readonly machine: Machine;
  readonly database: RealPostgres;
  /** The present tree's bundle. */
  readonly script: string;
  /** Ends with the bench. */
  gateway(options?: Partial<BenchGatewayOptions>): Promise<BenchGateway>;
  /** Ends with the bench. */
  baseline(): Promise<RunningServer>;
  /** Take the gateway's tokens. Ends with the bench. */
  floors(gateway: BenchGateway): Promise<RunningFloors>;
  /** Something else that is to end with the bench. */
  keep<Server extends { stop(): Promise<void> }>(server: Server): Server;
  readonly tell: (what: string) => void;
}

/** What stays from one bench to the next. */
export interface Foundation {
  readonly script: string;
  readonly database: RealPostgres;
  readonly generator: StoppableGenerator;
  stop(): Promise<void>;
}

export async function layFoundation(): Promise<Foundation> {
  const dir = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const [script, database, generator] = await Promise.all([bundleWorker(dir), startBenchPostgres(), findGenerator()]);
  return {
    script,
    database,
    generator,
    stop: async () => {
      await database.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Runs one bench, and ends whatever it started, however it ended. */
export async function onGround(
  bench: Bench,
  foundation: Foundation,
  plan: BenchPlan,
  machine: Machine,
  tell: (what: string) => void,
): Promise<Findings> {
  const started: { stop(): Promise<void> }[] = [];
  const keep = <Server extends { stop(): Promise<void> }>(server: Server): Server => {
    started.push(server);
    return server;
  };
  const { script, database, generator } = foundation;
  try {
    return await bench.run({
      plan,
      generator,
      machine,
      database,
      script,
      keep,
      tell,
      gateway: async (options) => keep(await startBenchGateway({ script, database, name: bench.name, ...options })),
      baseline: async () => keep(await startBaseline()),
      floors: async ({ vars }) => keep(await startFloors(database, vars, bench.name)),
    });
  } finally {
    for (const server of started.toReversed()) await server.stop();
  }
}
