/** F11: a wrong configuration stops the start, and the line that says so names the key. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { checkWrangler, readWranglerConfig, type WranglerConfig } from "../../scripts/gateway/check-wrangler.ts";
import { readDemoVars } from "../../scripts/gateway/dev-vars.ts";
import { startGateway } from "../../scripts/gateway/gateway.ts";

/** A gateway that does not start asks no database. */
const UNUSED_DATABASE = "postgres://nobody@127.0.0.1:1/none";

const TIMEOUT_MS = 30_000;

const config = readWranglerConfig();

function withSieve(change: Partial<WranglerConfig["ratelimits"][number]["simple"]>): WranglerConfig {
  const ratelimits = config.ratelimits.map((sieve) => ({ ...sieve, simple: { ...sieve.simple, ...change } }));
  return { ...config, ratelimits };
}

describe("F11 checkWrangler", () => {
  it("accepts wrangler.toml as it is", () => {
    expect(() => checkWrangler(config, {})).not.toThrow();
  });

  it("refuses a sieve whose limit is not its policy's", () => {
    expect(() => checkWrangler(withSieve({ limit: 299 }), {})).toThrow(
      /^LIMITS\.policies\.read-per-client\.limit: .*299/,
    );
  });

  it("refuses a sieve whose period is not its policy's", () => {
    const changed = withSieve({ period: 11 });
    expect(() => checkWrangler(changed, {})).toThrow(/^LIMITS\.policies\.read-per-client\.window_seconds: .*11/);
  });

  it("refuses a policy that names a sieve that does not exist", () => {
    expect(() => checkWrangler({ ...config, ratelimits: [] }, {})).toThrow(
      /^LIMITS\.policies\.read-per-client\.binding: /,
    );
  });

  it("checks the limits that replace those of wrangler.toml, as JSON too", () => {
    const policies = { slow: { store: "native", binding: "SIEVE_READ", limit: 1, window_seconds: 10 } };
    expect(() => checkWrangler(config, { LIMITS: JSON.stringify({ policies }) })).toThrow(
      /^LIMITS\.policies\.slow\.limit: /,
    );
  });

  it("refuses a secret in wrangler.toml", () => {
    const vars = { ...config.vars, ADMIN_TOKEN: "x".repeat(40) };
    expect(() => checkWrangler({ ...config, vars }, {})).toThrow(/^ADMIN_TOKEN: /);
  });
});

describe("F11 startGateway", { timeout: TIMEOUT_MS }, () => {
  let stateDir: string;
  beforeAll(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "sluice-state-"));
  }, TIMEOUT_MS);
  afterAll(() => rm(stateDir, { recursive: true, force: true }));

  it.each([
    ["ADMIN_TOKEN", "too short", "ADMIN_TOKEN"],
    ["TOKEN_KEYS", "[]", "TOKEN_KEYS"],
    ["ADMINTOKEN", "misspelt", "ADMINTOKEN"],
    ["TOKEN", { lifetime_seconds: "long" }, "TOKEN.lifetime_seconds"],
  ])("does not start with %s = %j, and names %s", async (name, value, key) => {
    const vars = { ...(await readDemoVars()), [name]: value };
    const started = startGateway({
      port: 0,
      stateDir,
      databaseUrl: UNUSED_DATABASE,
      vars,
      script: inject("workerScript"),
    });
    await expect(started).rejects.toThrow(key);
  });
});
