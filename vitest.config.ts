/**
 * The test projects: what runs on workerd with the bindings of wrangler.toml, and what runs on Node beside it.
 *
 * `unit` and `client` are rules without I/O; `worker` and `invariants` are the gateway on workerd with the origin's
 * database out of reach; `origin` has a real Postgres; `process` and `browser` start the gateway as a program, and `crowd` is
 * what needs the machine to itself: rushes, attacks, kills and outages under load.
 */
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { testBindings } from "./test/support/node/test-bindings.ts";

const wrangler = { configPath: "./wrangler.toml" };

// A port on which nobody answers: what runs on workerd must not need the origin's database, unless it says so.
process.env["CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_ORIGIN_DB"] ??= "postgres://nobody:nobody@127.0.0.1:1/none";

/** Browsers and programs mostly wait: they run after the others, two files at a time. Crowds come last, one after the other. */
const patient = { maxWorkers: 2, sequence: { groupOrder: 1 } };
const crowds = { fileParallelism: false, sequence: { groupOrder: 2 } };

export default defineConfig({
  test: {
    silent: "passed-only",
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      { test: { name: "client", include: ["test/client/**/*.test.ts"] } },
      {
        plugins: [cloudflareTest({ wrangler, miniflare: { bindings: testBindings } })],
        test: { name: "worker", include: ["test/worker/**/*.test.ts"] },
      },
      {
        plugins: [cloudflareTest({ wrangler, miniflare: { bindings: testBindings } })],
        test: { name: "invariants", include: ["test/invariants/**/*.test.ts"] },
      },
      {
        plugins: [cloudflareTest({ wrangler, miniflare: { bindings: testBindings } })],
        test: {
          name: "upstash",
          include: ["test/upstash/**/*.test.ts"],
          globalSetup: ["./test/support/node/upstash-bridge-setup.ts"],
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
        },
      },
      { test: { name: "browser", include: ["test/browser/**/*.test.ts"], ...patient } },
      { test: { name: "process", include: ["test/process/**/*.test.ts"], ...patient } },
      { test: { name: "crowd", include: ["test/crowd/**/*.test.ts"], ...crowds } },
    ],
  },
});
