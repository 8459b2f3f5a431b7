/**
 * What the Worker cannot see of its own configuration, checked before it starts: secrets in the wrong file, and sieves whose
 * binding counts something else than their policy says. (The Worker checks all values that it can see, and answers 503 with
 * the key.) Used by `npm start`, `npm run dev` and the tests.
 */
import { join } from "node:path";
import * as v from "valibot";
import { experimental_readRawConfig as readRawConfig } from "wrangler";
import { ConfigError } from "../../src/config-error.ts";
import type { Vars } from "./dev-vars.ts";
import { PROJECT } from "./wrangler-environment.ts";

/** Never in wrangler.toml, which is committed, and whose [vars] are readable in Cloudflare's dashboard. */
const SECRETS = ["ADMIN_TOKEN", "ORIGIN_WEBHOOK_SECRET", "TOKEN_KEYS", "TIME_KEYS", "DEMO"];

const rawConfig = v.looseObject({
  vars: v.optional(v.record(v.string(), v.unknown()), {}),
  ratelimits: v.optional(
    v.array(v.looseObject({ name: v.string(), simple: v.looseObject({ limit: v.number(), period: v.number() }) })),
    [],
  ),
});

/** Loose: the Worker checks the rest of a policy. */
const policies = v.looseObject({
  policies: v.record(
    v.string(),
    v.looseObject({
      store: v.optional(v.unknown()),
      binding: v.optional(v.unknown()),
      limit: v.optional(v.unknown()),
      window_seconds: v.optional(v.unknown()),
    }),
  ),
});

export type WranglerConfig = v.InferOutput<typeof rawConfig>;

/** Reads wrangler.toml as it stands, without wrangler's defaults. */
export function readWranglerConfig(path: string = join(PROJECT, "wrangler.toml")): WranglerConfig {
  const { rawConfig: raw }: { readonly rawConfig: unknown } = readRawConfig({ config: path });
  return v.parse(rawConfig, raw);
}

/**
 * @param config wrangler.toml.
 * @param overrides the variables of .dev.vars, or of whoever starts the gateway: they replace whole tables of [vars].
 * @throws ConfigError that names the key.
 */
export function checkWrangler(config: WranglerConfig, overrides: Vars): void {
  for (const name of SECRETS) {
    if (name in config.vars) throw new ConfigError(name, "Is a secret and must not stand in wrangler.toml");
  }
  checkSieves(config, overrides["LIMITS"] ?? config.vars["LIMITS"]);
}

function checkSieves(config: WranglerConfig, limits: unknown): void {
  const parsed = v.safeParse(policies, typeof limits === "string" ? parseJson(limits) : limits);
  if (!parsed.success) return; // The Worker says what is wrong with the table.
  for (const [name, policy] of Object.entries(parsed.output.policies)) {
    if (policy.store !== "native") continue;
    const key = `LIMITS.policies.${name}`;
    const sieve = config.ratelimits.find((ratelimit) => ratelimit.name === policy.binding);
    if (sieve === undefined) throw new ConfigError(`${key}.binding`, "Names no [[ratelimits]] of wrangler.toml");
    const { limit, period } = sieve.simple;
    if (policy.limit !== limit) {
      throw new ConfigError(`${key}.limit`, `Must agree with ${sieve.name} in [[ratelimits]], which has ${limit}`);
    }
    if (policy.window_seconds !== period) {
      throw new ConfigError(
        `${key}.window_seconds`,
        `Must agree with ${sieve.name} in [[ratelimits]], which has ${period}`,
      );
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
