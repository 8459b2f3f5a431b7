/**
 * `npm run dev`: wrangler's own loop, which bundles again and reloads on every change; slower than `npm start`, which is what
 * speed is seen with. Its state is apart from `npm start`'s,
 * but below the same folder, which one process has at a time.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { STATE } from "./demo/state.ts";
import { claimPort, listenAddresses } from "./gateway/addresses.ts";
import { claimState } from "./gateway/claim-state.ts";
import { checkWrangler, readWranglerConfig } from "./gateway/check-wrangler.ts";
import { startDatabase } from "./gateway/database.ts";
import { ensureDevVars, readDevVars } from "./gateway/dev-vars.ts";
import { tellConfigError } from "./gateway/gateway.ts";
import { parseArguments, parsePort, runProgram, untilSignal } from "./gateway/program.ts";
import { PROJECT, wranglerEnvironment } from "./gateway/wrangler-environment.ts";

const HELP = `npm run dev [-- --help]

Runs wrangler dev with an embedded Postgres, and reloads on every change.

  PORT           where to listen on localhost, 8787 unless set
  DATABASE_URL   a Postgres of your own instead of the embedded one; it is migrated`;

const STANDARD_PORT = 8787;
const STATE_DIR = join(STATE, "dev");
const WAKE_POLL_MS = 250;

await runProgram(async () => {
  const { values } = parseArguments({ options: { help: { type: "boolean" } }, strict: true });
  if (values.help === true) {
    console.log(HELP);
    return 0;
  }
  const signal = untilSignal();
  const port = parsePort(process.env["PORT"], STANDARD_PORT);
  claimState(STATE);
  await claimPort(await listenAddresses("localhost"), port);
  if (await ensureDevVars())
    console.log("Copied .dev.vars.example to .dev.vars: public demo keys, for this machine only");
  const vars = await readDevVars();
  tellConfigError(() => checkWrangler(readWranglerConfig(), vars));

  const database = await startDatabase(STATE_DIR, process.env["DATABASE_URL"] || undefined);
  try {
    const wrangler = spawn(
      process.execPath,
      [
        join(PROJECT, "node_modules", "wrangler", "bin", "wrangler.js"),
        "dev",
        "--ip=localhost",
        `--port=${port}`,
        `--persist-to=${STATE_DIR}`,
        "--show-interactive-dev-session=false",
      ],
      {
        cwd: PROJECT,
        env: { ...process.env, ...wranglerEnvironment(STATE_DIR, database.url), WRANGLER_LOG: "info" },
        stdio: ["ignore", "inherit", "inherit"],
      },
    );
    const ended = new Promise<number>((resolve) => wrangler.once("close", (status) => resolve(status ?? 0)));
    console.log(`Database: ${database.embedded ? `psql ${database.url}` : "DATABASE_URL"}`);
    void wake(`http://localhost:${port}/healthz`);
    const status = await Promise.race([ended, signal]);
    if (status !== undefined) return status;
    wrangler.kill("SIGTERM");
    await ended;
    return 0;
  } finally {
    await database.stop();
  }
});

/** The Worker checks its configuration at its first request, and logs what is wrong: so it gets one as soon as it listens. */
async function wake(url: string): Promise<void> {
  for (;;) {
    try {
      await fetch(url);
      return;
    } catch {
      await sleep(WAKE_POLL_MS);
    }
  }
}
