/** `npm run attack`: one short profile from its start to its figures, and wrong arguments. */
import { describe, expect, it } from "vitest";
import type { Figures } from "../../scripts/attack/judge.ts";
import { parseAttackOptions } from "../../scripts/attack/options.ts";
import { makeHome, runProgram } from "../support/node/program.ts";

async function attack(args: readonly string[]) {
  const home = await makeHome();
  try {
    const program = runProgram("attack.ts", args, { SLUICE_HOME: home.path });
    const status = await program.ended;
    return { status, stdout: program.stdout(), stderr: program.stderr() };
  } finally {
    await home.forget();
  }
}

describe("npm run attack", () => {
  it("T2 T3 T11: replayed tokens and proofs make no second order, and the costs are counted", async () => {
    const size = ["--honest", "10", "--attackers", "10", "--stock", "20"];
    const run = await attack(["--profile", "replay", "--defences", "on", ...size, "--seed", "3", "--json"]);
    expect([run.status, run.stderr]).toEqual([0, expect.any(String)]);
    const report: unknown = JSON.parse(run.stdout);
    expect(report).toMatchObject({ seed: 3, figures: [{ profile: "replay", defences: "on", breaches: {} }] });
    const { figures } = report as { figures: Figures[] };
    // Stock for all, from addresses and accounts of their own: every one gets its unit.
    expect(figures[0]?.attackers).toMatchObject({ unitsPaid: 10, fairUnits: 10, factor: 1 });
    expect(figures[0]?.honest).toMatchObject({ bought: 10, refusedWrongly: 0 });
    // Twenty proofs or more: one for each account and each person.
    expect(figures[0]?.work.farm.proofs).toBeGreaterThanOrEqual(10);
    expect(figures[0]?.work.devices.proofs).toBe(10);
    expect(figures[0]?.work.coreSecondsPerUnit).toBeGreaterThan(0);
    expect(figures[0]?.cost.limiterCalls).toBeGreaterThan(0);
    expect(figures[0]?.cost.objectCalls).toBeGreaterThan(0);
    expect(figures[0]?.cost.messages).toBeGreaterThan(0);
  }, 120_000);

  it.each([
    [["--profile", "solver"], "--profile"],
    [["botnet"], "botnet"],
  ])(
    "%j ends with status 2 and one line",
    async (args, named) => {
      const run = await attack(args);
      expect(run.stderr.trim().split("\n")).toEqual([expect.stringContaining(named)]);
      expect([run.status, run.stdout]).toEqual([2, ""]);
    },
    30_000,
  );

  it("--help tells the profiles and does nothing", async () => {
    const run = await attack(["--help"]);
    expect(run.stdout).toContain("hoarders");
    expect(run.status).toBe(0);
  }, 30_000);
});

describe("parseAttackOptions", () => {
  it.each([
    [["--profile"], "--profile"],
    [["--profile", "constructor"], "--profile"],
    [["--defences", "maybe"], "--defences"],
    [["--honest", "0"], "--honest"],
    [["--attackers", "1e3"], "--attackers"],
    [["--stock", "-1"], "--stock"],
    [["--seed", "x"], "--seed"],
    [["--farm-cores", "0"], "--farm-cores"],
    [["--write-docs", "--profile", "campus"], "--write-docs"],
    [["--write-docs", "--defences", "on"], "--write-docs"],
    [["--buyers", "3"], "--buyers"],
  ])("refuses %j, naming the argument", (args, named) => {
    let refused: unknown;
    try {
      parseAttackOptions(args);
    } catch (fault) {
      refused = fault;
    }
    expect(refused).toMatchObject({ exitCode: 2, message: expect.stringContaining(named) });
  });

  it("plays every profile with and without the defences unless it is told otherwise", () => {
    const options = parseAttackOptions([]);
    expect(options).toMatchObject({ defences: ["on", "off"], honest: 300, attackers: 200, stock: 100 });
    expect(parseAttackOptions(["--profile", "campus", "--defences", "off"])).toMatchObject({
      profiles: ["campus"],
      defences: ["off"],
    });
  });
});
