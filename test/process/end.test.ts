/** `npm start` from its first line to its end: it says how to reach everything, and leaves nothing running behind. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { freePort } from "../../scripts/gateway/addresses.ts";
import { descendantsOf, isRunning, makeHome, type Program, runProgram } from "../support/node/program.ts";

const READY = "Sluice ready";
/** Three starts, two of them with a new database: 17 s on two free cores. */
const TIMEOUT_MS = 180_000;

describe("npm start", () => {
  let home: Awaited<ReturnType<typeof makeHome>>;
  let port: number;
  let program: Program | undefined;

  beforeEach(async () => {
    home = await makeHome();
    port = await freePort();
  });
  afterEach(async () => {
    program?.child.kill("SIGKILL");
    await program?.ended;
    program = undefined;
    await home.forget();
  });

  async function start(args: readonly string[] = []): Promise<Program> {
    program = runProgram("start.ts", args, { SLUICE_HOME: home.path, PORT: String(port) });
    await program.untilPrinted(READY);
    return program;
  }

  async function demo(): Promise<{ round: number; opensAt: number }> {
    const response = await fetch(`http://localhost:${port}/v1/products/demo`);
    return (await response.json()) as { round: number; opensAt: number };
  }

  it(
    "is ready with page, product and database, keeps its round over a restart but not over --fresh, and leaves nothing running",
    async () => {
      const first = await start();
      const ready = first
        .stdout()
        .split("\n")
        .find((line) => line.startsWith(READY));
      expect(ready).toContain(`http://localhost:${port}`);
      expect(ready).toMatch(/postgres:\/\//);
      expect(existsSync(join(home.path, ".dev.vars"))).toBe(true);
      const page = await fetch(`http://localhost:${port}/`);
      expect([page.status, page.headers.get("content-type")]).toEqual([200, expect.stringContaining("text/html")]);
      const round = await demo();
      expect(round).toMatchObject({ round: 1, state: "upcoming" });

      await endBy("SIGINT", first);
      expect(first.stderr()).toBe("");

      const second = await start();
      expect(await demo()).toMatchObject({ round: 1, opensAt: round.opensAt });
      await endBy("SIGTERM", second);

      const third = await start(["--fresh"]);
      expect((await demo()).opensAt).toBeGreaterThan(round.opensAt);
      await endBy("SIGKILL", third);
    },
    TIMEOUT_MS,
  );

  /** By a signal that it may answer it exits with 0; in any case nothing of it runs on, and nobody listens any more. */
  async function endBy(signal: "SIGINT" | "SIGTERM" | "SIGKILL", { child, ended }: Program): Promise<void> {
    const started = await descendantsOf(child.pid ?? 0);
    expect(started.length).toBeGreaterThan(0);
    child.kill(signal);
    expect(await ended).toBe(signal === "SIGKILL" ? signal : 0);
    // After SIGKILL the lifeline takes a moment.
    for (let waited = 0; waited < 50 && (await anyRuns(started)); waited++) await sleep(20);
    expect(await anyRuns(started)).toBe(false);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow("fetch failed");
  }
});

async function anyRuns(pids: readonly number[]): Promise<boolean> {
  const running = await Promise.all(pids.map(isRunning));
  return running.includes(true);
}
