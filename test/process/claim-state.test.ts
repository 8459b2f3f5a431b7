/** One gateway at a time on a state folder; it ends with npm; and what `npm start` and `npm run rush` say on the way. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freePort } from "../../scripts/gateway/addresses.ts";
import { claimState, clearState } from "../../scripts/gateway/claim-state.ts";
import { descendantsOf, isRunning, makeHome, type Program, runProgram, runUnderNpm } from "../support/node/program.ts";
import { createRunDatabase } from "../support/node/run-database.ts";

const READY = "Sluice ready";
/** Starts of whole gateways: 30 s for the longest test on two free cores, and those are rarely free. */
const TIMEOUT_MS = 120_000;
/** For a gateway that ends in order. */
const END_WITHIN_MS = 10_000;

let home: Awaited<ReturnType<typeof makeHome>>;
let programs: Program[];

beforeEach(async () => {
  home = await makeHome();
  programs = [];
});
afterEach(async () => {
  for (const { child } of programs) child.kill("SIGKILL");
  await Promise.all(programs.map(({ ended }) => ended));
  await home.forget();
});

async function begin(
  script: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Program & { readonly port: number }> {
  const port = await freePort();
  const program = runProgram(script, args, { SLUICE_HOME: home.path, PORT: String(port), ...env });
  programs.push(program);
  return { ...program, port };
}

describe("claimState", { timeout: TIMEOUT_MS }, () => {
  it("refuses a second process with the folder and the first one's id, before --fresh deletes anything, until SIGKILL", async () => {
    const state = join(home.path, ".sluice");
    const first = await begin("start.ts");
    await first.untilPrinted(READY);
    expect(first.stdout()).toContain("(round 1 opens at ");
    expect(first.stdout()).toContain(`. ${join(home.path, ".dev.vars")} && curl`);

    const line = `The state folder ${state} is in use by process ${first.child.pid}: `;
    const others = [
      ["start.ts", []],
      ["start.ts", ["--fresh"]],
      ["dev.ts", []],
    ] as const;
    await Promise.all(
      others.map(async ([script, args]) => {
        const second = await begin(script, args);
        expect(await second.ended).toBe(1);
        expect(second.stderr().trim().split("\n")).toEqual([expect.stringContaining(line)]);
      }),
    );
    expect(existsSync(join(state, "postgres"))).toBe(true);
    expect(existsSync(join(state, "gateway"))).toBe(true);

    const document = async (): Promise<unknown> =>
      (await fetch(`http://127.0.0.1:${first.port}/v1/products/demo`)).json();
    while (!JSON.stringify(await document()).includes('"open"')) await sleep(200);
    first.child.kill("SIGKILL");
    await first.ended;

    const next = await begin("start.ts");
    await next.untilPrinted(READY);
    expect(next.stdout()).toContain("(round 1 is open until ");
  });

  it("keeps its lock when the folder is cleared, and clears none that is not claimed", async () => {
    await expect(clearState(home.path)).rejects.toThrow("without being claimed");
    await writeFile(join(home.path, "old"), "");
    claimState(home.path);
    await clearState(home.path);
    expect(existsSync(join(home.path, "old"))).toBe(false);
    expect(() => claimState(home.path)).toThrow(`in use by process ${process.pid}`);
  });
});

describe("untilSignal", { timeout: TIMEOUT_MS }, () => {
  it("ends the gateway in order when npm is killed over its head", async () => {
    const port = await freePort();
    const npm = runUnderNpm("start.ts", { SLUICE_HOME: home.path, PORT: String(port) });
    await npm.untilPrinted(READY);
    const started = await descendantsOf(npm.child.pid ?? 0);
    expect(started.length).toBeGreaterThan(1);
    npm.child.kill("SIGKILL");
    await npm.ended; // Resolves when nobody holds its stdout any more.
    const deadline = Date.now() + END_WITHIN_MS;
    const anyRuns = async (): Promise<boolean> => (await Promise.all(started.map(isRunning))).includes(true);
    while (Date.now() < deadline && (await anyRuns())) await sleep(50);
    expect(await anyRuns()).toBe(false);
  });
});

describe("npm run rush --url", { timeout: TIMEOUT_MS }, () => {
  it("blames a wrong --webhook-secret, not the gateway", async () => {
    const gateway = await begin("start.ts", [], { DATABASE_URL: await createRunDatabase("wrong_secret") });
    await gateway.untilPrinted(READY);
    const url = `http://127.0.0.1:${gateway.port}`;
    const wrong = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
    for (const [secret, told] of [
      [wrong, "does not take the origin's secret"],
      ["not base64", "--webhook-secret must be"],
    ] as const) {
      const rush = await begin("rush.ts", ["--buyers", "5", "--url", url, "--webhook-secret", secret]);
      expect(await rush.ended).toBe(1);
      expect(rush.stderr().trim().split("\n")).toEqual([expect.stringContaining(told)]);
    }
    const right = await begin("rush.ts", ["--buyers", "5", "--stock", "2", "--url", url]);
    expect(await right.ended).toBe(0);
  });
});
