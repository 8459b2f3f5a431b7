/** What the programs say to arguments and circumstances that they cannot work with: one line, and the right exit status. */
import { createServer, type Server } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { claimPort, freePort } from "../../scripts/gateway/addresses.ts";
import { makeHome, runProgram } from "../support/node/program.ts";

/** A start that is refused takes one to three seconds on two busy cores. */
const TIMEOUT_MS = 30_000;

let home: Awaited<ReturnType<typeof makeHome>>;

beforeAll(async () => {
  home = await makeHome();
});
afterAll(() => home.forget());

async function run(script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const program = runProgram(script, args, { SLUICE_HOME: home.path, ...env });
  const status = await program.ended;
  const lines = program.stderr().trim().split("\n");
  return { status, stdout: program.stdout(), lines };
}

/** Listens on a port of the address; null where the machine does not have the address. */
async function occupy(address: string): Promise<{ readonly server: Server; readonly port: number } | null> {
  const server = createServer();
  const listens = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false)).listen(0, address, () => resolve(true));
  });
  const bound = server.address();
  return listens && typeof bound === "object" && bound !== null ? { server, port: bound.port } : null;
}

describe("wrong arguments", { timeout: TIMEOUT_MS }, () => {
  it.each([
    ["start.ts", ["--frehs"], "--frehs"],
    ["start.ts", ["now"], "now"],
    ["dev.ts", ["--fresh"], "--fresh"],
    ["rush.ts", ["--buyer", "3"], "--buyer"],
    ["rush.ts", ["--buyers", "0"], "--buyers"],
    ["rush.ts", ["--buyers", "1e3"], "--buyers"],
    ["rush.ts", ["--stock", "-1"], "--stock"],
    ["rush.ts", ["--stock"], "--stock"],
    ["rush.ts", ["--seed", "x"], "--seed"],
    ["rush.ts", ["--url", "localhost:8787"], "--url"],
    ["rush.ts", ["--admin-token", "t"], "--admin-token"],
    ["plan.ts", ["--arrival", "60"], "--arrival"],
  ])("%s %j end with status 2 and one line", async (script, args, named) => {
    const { status, lines, stdout } = await run(script, args);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(named);
    expect(status).toBe(2);
    expect(stdout).toBe("");
  });

  it.each(["start.ts", "dev.ts", "rush.ts"])("%s --help tells its arguments and does nothing", async (script) => {
    const { status, stdout } = await run(script, ["--help"]);
    expect(stdout).toContain("DATABASE_URL");
    expect(status).toBe(0);
  });

  it.each(["http", "0", "70000", "80.5"])("start.ts with PORT=%s ends with status 2 and names it", async (port) => {
    const { status, lines } = await run("start.ts", [], { PORT: port });
    expect(lines).toEqual([expect.stringContaining("PORT")]);
    expect(status).toBe(2);
  });
});

it(
  "rush.ts --stock -1 says what --stock wants",
  async () => {
    const { lines } = await run("rush.ts", ["--stock", "-1"]);
    expect(lines).toEqual([expect.stringContaining("--stock must be a whole number from 1")]);
  },
  TIMEOUT_MS,
);

describe("circumstances", { timeout: TIMEOUT_MS }, () => {
  it("start.ts ends with status 1 and one line when the port is taken", async () => {
    const taken = await occupy("127.0.0.1");
    const { status, lines } = await run("start.ts", [], { PORT: String(taken?.port) });
    taken?.server.close();
    expect(lines).toEqual([expect.stringContaining(`Port ${taken?.port} is taken`)]);
    expect(status).toBe(1);
  });

  it("claimPort refuses a port that is taken on ::1 only: a browser would reach somebody else there", async (test) => {
    const taken = await occupy("::1");
    if (taken === null) return test.skip("This machine has no IPv6");
    await expect(claimPort(["127.0.0.1", "::1"], taken.port)).rejects.toThrow(`Port ${taken.port} is taken on ::1`);
    taken.server.close();
  });

  it("start.ts ends with status 1 and one line when DATABASE_URL leads nowhere, and shows no password", async () => {
    const nowhere = await freePort();
    const env = { PORT: String(await freePort()), DATABASE_URL: `postgres://me:hunter2@127.0.0.1:${nowhere}/shop` };
    const { status, lines } = await run("start.ts", [], env);
    expect(lines).toEqual([expect.stringContaining(`127.0.0.1:${nowhere}/shop`)]);
    expect(lines.join()).not.toContain("hunter2");
    expect(status).toBe(1);
  });

  it("start.ts --fresh with DATABASE_URL warns in one line that the database is not emptied", async () => {
    const nowhere = `postgres://me:hunter2@127.0.0.1:${await freePort()}/shop`;
    const { lines } = await run("start.ts", ["--fresh"], { PORT: String(await freePort()), DATABASE_URL: nowhere });
    expect(lines).toEqual([expect.stringContaining("does not empty the database"), expect.stringContaining("/shop")]);
  });

  it.each(["shop", "mysql://me:hunter2@127.0.0.1/shop", "postgres://me:hunter2@127.0.0.1/"])(
    "start.ts ends with status 1 and one line for DATABASE_URL=%s",
    async (url) => {
      const { status, lines } = await run("start.ts", [], { PORT: String(await freePort()), DATABASE_URL: url });
      expect(lines).toEqual([expect.stringContaining("DATABASE_URL")]);
      expect(lines.join()).not.toContain("hunter2");
      expect(status).toBe(1);
    },
  );

  it("rush.ts ends with status 1 when nothing listens at its --url", async () => {
    const { status, lines } = await run("rush.ts", ["--url", `http://127.0.0.1:${await freePort()}`]);
    expect(lines).toEqual([expect.stringContaining("Nothing answers at http://127.0.0.1:")]);
    expect(status).toBe(1);
  });
});
