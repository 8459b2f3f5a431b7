/** What tests on workerd need of the bridge, and policies that are counted behind it. */
import { inject } from "vitest";
import type { Policy, PolicyStore } from "../../src/limits/policy.ts";
import type { Check } from "../../src/limits/store.ts";
import type { UpstashSecrets } from "../../src/limits/upstash-secrets.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** As test/support/node/upstash-bridge-setup.ts provides them. */
    bridgeUrl: string | null;
    bridgeToken: string;
    refusedUrl: string;
  }
}

export const bridgeUrl = inject("bridgeUrl");

/** On a full minute, where windows by the clock begin. */
export const START = Math.ceil(Date.now() / 60_000) * 60_000;
/** A healthy Redis, or an object that is asked for the first time, on a busy machine. */
export const PATIENT_MS = 20_000;

export const UPSTASH_ALGORITHMS = ["fixed-window", "sliding-window", "token-bucket"] as const;

/** A name that no other test has: Redis remembers longer than a test. */
export function unique(what: string): string {
  return `${what}-${crypto.randomUUID().slice(0, 8)}`;
}

export function secretsOf(fault = "ok", run = unique("run")): UpstashSecrets {
  const base = fault === "refused" ? inject("refusedUrl") : bridgeUrl;
  return { url: `${base ?? "http://127.0.0.1:1"}/${fault}/${run}`, token: inject("bridgeToken") };
}

/** The commands that came from a run, in their order. */
export async function callsOf(run: string): Promise<readonly string[]> {
  const answer = await fetch(`${bridgeUrl ?? ""}/calls/${run}`);
  return answer.json<string[]>();
}

/** Ten units a minute. */
export function policyOf(store: PolicyStore, changes: Partial<Policy> = {}): Policy {
  const bursts =
    store.kind === "upstash"
      ? store.algorithm === "token-bucket"
      : store.kind === "exact" && store.algorithm === "gcra";
  return {
    name: unique("policy"),
    at: ["token"],
    key: ["ip"],
    limit: 10,
    burst: bursts ? 5 : 10,
    windowSeconds: 60,
    cost: { read: 1, token: 1, checkout: 1 },
    store,
    mode: "enforce",
    onFailure: { rule: "closed" },
    phases: {},
    ...changes,
  };
}

export function checkOf(policy: Policy, key = "i1:a", cost = 1): Check {
  return { policy, key, owner: { kind: "ip", part: key }, cost };
}
