/** A smoke of the bench: that it starts what it measures, judges the answers, and writes what it found. Never how fast. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { parseBenchOptions } from "../../bench/options.ts";
import { BENCHES } from "../../bench/benches.ts";
import { startBaseline, baselineSubject, NOOP } from "../../bench/baseline/baseline.ts";
import { type BenchGateway, startBenchGateway } from "../../bench/gateway/gateway.ts";
import { constantRate } from "../../bench/load/arrivals.ts";
import { wireRequest } from "../../bench/load/request.ts";
import { ForeignLoad, readTrees } from "../../bench/machine/cpu.ts";
import { holdSubject } from "../../bench/ours/hold-subject.ts";
import { ratioOf } from "../../bench/ratios.ts";
import { runRounds } from "../../bench/rounds.ts";
import type { RunningServer } from "../../bench/server.ts";
import { type RealPostgres, startRealPostgres } from "../../scripts/postgres/real-postgres.ts";

const PER_SECOND = 40;
const GENERATOR = constantRate(PER_SECOND);
const PLAN = { rounds: 1, seconds: 1, connections: 4, noisy: true };

describe("the bench", () => {
  let database: RealPostgres;
  let gateway: BenchGateway;
  let baseline: RunningServer;

  beforeAll(async () => {
    const starting = [startRealPostgres({ fsync: "off" }), startBaseline()] as const;
    const [server, bare] = await Promise.all(starting);
    [database, baseline] = [server, bare];
    gateway = await startBenchGateway({ script: inject("workerScript"), database, name: "smoke" });
  }, 60_000);

  afterAll(async () => {
    await gateway.stop();
    await Promise.all([baseline.stop(), database.stop()]);
  });

  it("finds a hold and a no-op call right, and compares them", async () => {
    const noop = wireRequest({ method: "GET", path: "/noop", address: "192.0.2.1" });
    const subjects = [baselineSubject(NOOP, baseline, [noop]), holdSubject(gateway, { perSecondMost: PER_SECOND })];
    const { rounds } = await runRounds(subjects, PLAN, GENERATOR, () => {});
    expect(rounds).toHaveLength(1);
    expect(rounds[0]?.map(({ subject, statuses }) => [subject, statuses])).toEqual([
      [NOOP, { 200: 40 }],
      ["hold", { 202: 40 }],
    ]);
    expect(ratioOf(rounds, { subject: "hold", baseline: NOOP }).median).toBeCloseTo(1);
    for (const slice of rounds[0] ?? []) expect(slice.serverMicros).toBeGreaterThan(0);
  }, 30_000);

  it("refuses a subject whose answers are wrong", async () => {
    const lost = wireRequest({ method: "GET", path: "/nowhere", address: "192.0.2.1" });
    const subject = baselineSubject("wrong", baseline, [lost]);
    await expect(runRounds([subject], PLAN, GENERATOR, () => {})).rejects.toThrow(
      "wrong gave wrong answers: 40 answers had status 404 instead of 200",
    );
  }, 30_000);

  it("counts the CPU of a tree of processes, ended ones too, and none of it as foreign", () => {
    const before = readTrees([process.pid]);
    const foreign = new ForeignLoad();
    const until = performance.now() + 200;
    while (performance.now() < until);
    expect(readTrees([process.pid]) - before).toBeGreaterThan(50_000);
    expect(foreign.share()).toBeLessThanOrEqual(1);
  });
});

describe("parseBenchOptions", () => {
  const known = BENCHES.map(({ name }) => name);

  it("takes names and options", () => {
    expect(parseBenchOptions(["edge", "hold", "--quick"], known)).toMatchObject({
      names: ["edge", "hold"],
      quick: true,
    });
  });

  it.each([
    [["sold"], 'There is no bench "sold"; --list tells which there are'],
    [["--fast"], "Unknown option '--fast'; --help tells which there are"],
    [["edge", "--against", "main"], "--against compares what it compares: it takes no names of benches"],
  ])("refuses %j", (args, message) => {
    expect(() => parseBenchOptions(args, known)).toThrow(message);
  });

  it("has every name once", () => {
    expect(new Set(known).size).toBe(known.length);
  });
});
