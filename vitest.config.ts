/**
 * The test projects: what runs on workerd with the bindings of wrangler.toml, and what runs on Node beside it.
 *
 * `unit` and `client` are rules without I/O; `worker` and `invariants` are the gateway on workerd with the origin's
 * database out of reach; `origin` has a real Postgres; `process` and `browser` start the gateway as a program, and `crowd` is
 * what brings many buyers: rushes, attacks, kills and outages under load. None of them needs a quiet machine.
 */
import { availableParallelism } from "node:os";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { PatientFirst } from "./test/support/node/sequencer.ts";
import { testBindings } from "./test/support/node/test-bindings.ts";

const wrangler = { configPath: "./wrangler.toml" };

// A port on which nobody answers: what runs on workerd must not need the origin's database, unless it says so.
process.env["CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_ORIGIN_DB"] ??= "postgres://nobody:nobody@127.0.0.1:1/none";

/** A file on a real gateway mostly waits, and a file on workerd hands its work to and fro: two more than there are cores. */
const maxWorkers = availableParallelism() + 2;

/** Rules without I/O need no process of their own: one takes file after file, and each has to leave it as it was. */
const pure = { isolate: false, setupFiles: ["./test/support/node/unchanged-globals.ts"] };

/** In milliseconds. A time-out tells a test that hangs from a machine that has much else to do: no test is about speed. */
const patient = { testTimeout: 30_000, hookTimeout: 60_000 };

/** Bundle and Postgres for gateways that run as programs. */
const globalSetup = ["./test/support/node/gateway-setup.ts"];

export default defineConfig({
  test: {
    silent: "passed-only",
    maxWorkers,
    sequence: { sequencer: PatientFirst },
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], ...pure } },
      { test: { name: "client", include: ["test/client/**/*.test.ts"], ...pure } },
      {
        plugins: [cloudflareTest({ wrangler, miniflare: { bindings: testBindings } })],
        test: { name: "worker", include: ["test/worker/**/*.test.ts"], ...patient },
      },
      {
        plugins: [cloudflareTest({ wrangler, miniflare: { bindings: testBindings } })],
        test: { name: "invariants", include: ["test/invariants/**/*.test.ts"], ...patient },
      },
      {
        plugins: [cloudflareTest({ wrangler, miniflare: { bindings: testBindings } })],
        test: {
          name: "upstash",
          include: ["test/upstash/**/*.test.ts"],
          globalSetup: ["./test/support/node/upstash-bridge-setup.ts"],
          ...patient,
        },
      },
      {
        plugins: [
          cloudflareTest(({ inject }) => ({
            wrangler,
            miniflare: { bindings: testBindings, hyperdrives: { ORIGIN_DB: inject("databaseUrl") } },
          })),
        ],
        test: {
          name: "origin",
          include: ["test/origin/**/*.test.ts"],
          globalSetup: ["./test/support/node/postgres-setup.ts"],
          ...patient,
        },
      },
      { test: { name: "browser", include: ["test/browser/**/*.test.ts"], globalSetup } },
      { test: { name: "process", include: ["test/process/**/*.test.ts"], globalSetup } },
      { test: { name: "crowd", include: ["test/crowd/**/*.test.ts"], globalSetup } },
    ],
  },
});
