/** A smoke of the bench: that it starts what it measures, judges the answers, and writes what it found. Never how fast. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { parseBenchOptions } from "../../bench/options.ts";
import { BENCHES } from "../../bench/benches.ts";
import {
  BARE,
  BARE_REFUSAL,
  baselineSubject,
  NOOP,
  REFUSAL_STATUS,
  startBaseline,
} from "../../bench/baseline/baseline.ts";
import {
  FORGED_FLOOR_PATH,
  forgedFloor,
  holdFloor,
  holdFloorPath,
  type RunningFloors,
  startFloors,
  tokenFloor,
  tokenFloorPath,
} from "../../bench/floors/floors.ts";
import { type BenchGateway, startBenchGateway } from "../../bench/gateway/gateway.ts";
import { forgeTokens, mintTokens, readTokenKey, signJwts } from "../../bench/gateway/passes.ts";
import { auditShelf, fillShelf, type Kind, startObjects, takeTurn, wake } from "../../bench/ledger/shelf.ts";
import { runInterleaved } from "../../bench/interleaved.ts";
import { constantRate, playArrivals } from "../../bench/load/arrivals.ts";
import { findGenerator } from "../../bench/load/generator.ts";
import { wireRequest } from "../../bench/load/request.ts";
import { ForeignLoad, readTrees } from "../../bench/machine/cpu.ts";
import { checkoutRequest, holdSubject } from "../../bench/ours/hold-subject.ts";
import { ratioOf } from "../../bench/ratios.ts";
import { runRounds } from "../../bench/rounds.ts";
import type { RunningServer } from "../../bench/server.ts";
import { readDemoVars, type Vars } from "../../scripts/gateway/dev-vars.ts";
import { type RealPostgres, startRealPostgres } from "../../scripts/postgres/real-postgres.ts";

const PER_SECOND = 40;
const GENERATOR = constantRate(PER_SECOND);
const PLAN = { rounds: 1, seconds: 1, connections: 4, noisy: true };

let database: RealPostgres;

beforeAll(async () => {
  database = await startRealPostgres({ fsync: "off" });
}, 60_000);

afterAll(() => database.stop());

describe("the bench", () => {
  let gateway: BenchGateway;
  let baseline: RunningServer;

  beforeAll(async () => {
    const gatewayOptions = { script: inject("workerScript"), database, name: "smoke" };
    [baseline, gateway] = await Promise.all([startBaseline(), startBenchGateway(gatewayOptions)]);
  }, 60_000);

  afterAll(async () => {
    await gateway.stop();
    await baseline.stop();
  });

  it("compares in windows what differs by little, each load stopped while it is another's turn", async () => {
    const [bare, refusal] = ["/bare", "/refusal"].map((path) => [
      wireRequest({ method: "POST", path, address: "192.0.2.1", body: "{}" }),
    ]);
    const plan = { ...PLAN, windows: 2, windowMs: 20 };
    const subjects = [
      baselineSubject(BARE, baseline, bare ?? []),
      baselineSubject(BARE_REFUSAL, baseline, refusal ?? [], REFUSAL_STATUS),
    ];
    const generator = await findGenerator();
    const { rounds } = await runInterleaved(subjects, plan, generator, () => {});
    expect(rounds).toHaveLength(1);
    expect(rounds[0]?.map(({ subject }) => subject)).toEqual([BARE, BARE_REFUSAL]);
    for (const { perSecond, serverMicros, statuses, ...rest } of rounds[0] ?? []) {
      expect(perSecond).toBeGreaterThan(0);
      expect(serverMicros).toBeGreaterThan(0);
      expect(Object.keys(statuses)).toHaveLength(1);
      expect(rest).not.toHaveProperty("latencyMs");
    }
    const wrong = [baselineSubject(BARE, baseline, refusal ?? [])];
    await expect(runInterleaved(wrong, plan, generator, () => {})).rejects.toThrow("had status 410 instead of 200");
  }, 30_000);

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

  it("counts a latency from when a request was meant to leave, and never from before it left", async () => {
    const request = wireRequest({ method: "GET", path: "/noop", address: "192.0.2.1" });
    // Fractions of a millisecond are what a timer of Node cuts off.
    const spread = Array.from({ length: 50 }, (_, index) => ({ at: index * 1.9, request }));
    const crowd = Array.from({ length: 50 }, () => ({ at: 0, request }));
    const early = await playArrivals(baseline.url, spread, 10);
    // On one connection, for which all but one wait.
    const queued = await playArrivals(baseline.url, crowd, 1);
    for (const { answers } of [early, queued]) {
      expect(answers.filter(({ latencyMs, serviceMs }) => latencyMs < serviceMs)).toEqual([]);
    }
    const services = queued.answers.reduce((sum, { serviceMs }) => sum + serviceMs, 0);
    expect(queued.answers.at(-1)?.latencyMs).toBeGreaterThan(services * 0.9);
  }, 30_000);

  it("counts the CPU of a tree of processes, ended ones too, and none of it as foreign", () => {
    const before = readTrees([process.pid]);
    const foreign = new ForeignLoad();
    // By its own clock of CPU: beside other work a moment of 200 ms may have brought it 50.
    const own = process.cpuUsage();
    while (usedSince(own) < 100_000);
    expect(readTrees([process.pid]) - before).toBeGreaterThan(50_000);
    expect(foreign.share()).toBeLessThanOrEqual(1);
  });
});

/** Microseconds of CPU that this process has used since. */
function usedSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function checkouts(path: string, tokens: readonly string[]): readonly string[] {
  return tokens.map((token, index) => checkoutRequest(path, token, index));
}

describe("the floors", () => {
  /** Nothing is compared: each has one turn, which is audited. */
  const ONCE = { ...PLAN, rounds: 0 };
  const BUYERS = Array.from({ length: 2 * PER_SECOND }, (_, index) => `buyer-${index}`);
  let floors: RunningFloors;
  let vars: Vars;
  let tokens: readonly string[];

  beforeAll(async () => {
    vars = await readDemoVars();
    floors = await startFloors(database, vars, "smoke");
    tokens = await mintTokens({ ...readTokenKey(vars), gateway: "sluice" }, "bench", 1, BUYERS);
  }, 60_000);

  afterAll(() => floors.stop());

  it("do what they are measured for", async () => {
    const jwts = await signJwts(vars, BUYERS);
    const subjects = [
      forgedFloor(floors, checkouts(FORGED_FLOOR_PATH, forgeTokens(tokens)), tokens[0] ?? ""),
      tokenFloor(floors, "two", () =>
        jwts.map((jwt, index) => {
          const headers = { Authorization: `Bearer ${jwt}` };
          const address = `192.0.2.${index}`;
          return wireRequest({ method: "POST", path: tokenFloorPath("two"), address, headers, body: "{}" });
        }),
      ),
      holdFloor(floors, "told", checkouts(holdFloorPath("told"), tokens)),
      holdFloor(floors, "untold", checkouts(holdFloorPath("untold"), tokens)),
    ];
    await expect(runRounds(subjects, ONCE, GENERATOR, () => {})).resolves.toEqual({ rounds: [], thrownAway: [] });
  }, 30_000);

  it("hold what there is, once for a buyer", async () => {
    const [stock, buyers] = [3, 5];
    const headers = { "Content-Type": "application/json" };
    await fetch(`${floors.url}/books/untold`, { method: "POST", headers, body: JSON.stringify({ stock }) });
    const buy = async (token: string): Promise<number> => {
      const request = { method: "POST", headers: { ...headers, "Purchase-Token": token }, body: '{"quantity":1}' };
      return (await fetch(`${floors.url}${holdFloorPath("untold")}`, request)).status;
    };
    const twice = [...tokens.slice(0, buyers), ...tokens.slice(0, buyers)];
    const statuses = await Promise.all(twice.map((token) => buy(token)));
    // Whoever has a unit is told so again.
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 200, 202, 202, 202, 410, 410, 410, 410]);
    expect(await (await fetch(`${floors.url}/books/untold`)).json()).toMatchObject({
      available: 0,
      held: stock,
      orders: stock,
    });
  });

  it("are refused as subjects when they hold nothing", async () => {
    const subject = holdFloor(floors, "told", checkouts(holdFloorPath("told"), forgeTokens(tokens)));
    await expect(runRounds([subject], ONCE, GENERATOR, () => {})).rejects.toThrow("had status 403 instead of 202");
  }, 30_000);
});

describe("objects on a shelf", () => {
  const KIND: Kind = { name: "3000 orders", orders: 3000, filling: "asSold" };

  it("are filled, hold and wake up, and a hold that is missing is found", async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "sluice-shelf-"));
    try {
      const server = await startObjects(stateDir);
      try {
        const shelf = await fillShelf(server, KIND, 1);
        expect(await takeTurn(server, shelf)).toBeGreaterThan(0);
        await auditShelf(server, shelf);
        await expect(auditShelf(server, { ...shelf, turns: 2 })).rejects.toThrow("1300 of 2600 holds are there");
        await server.stop();
        expect((await wake(stateDir, shelf)).residentMib).toBeGreaterThan(1);
      } finally {
        await server.stop();
      }
    } finally {
      await rm(stateDir, { recursive: true, force: true });
    }
  }, 30_000);
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
