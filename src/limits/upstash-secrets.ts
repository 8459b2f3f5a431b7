/** Where an Upstash Redis is, and the token for it. Asked for only where a policy is counted there. */
import { ConfigError } from "../config-error.ts";

export interface UpstashSecrets {
  readonly url: string;
  /** Never logged, never in an error. */
  readonly token: string;
}

/** Plain http only to the machine itself: elsewhere it would show the token to everybody on the way. */
const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** @throws ConfigError naming the secret. */
export function parseUpstashSecrets(env: Readonly<Record<string, unknown>>): UpstashSecrets {
  const url = secretOf(env, "UPSTASH_REDIS_REST_URL");
  if (!isSafe(url)) throw new ConfigError("UPSTASH_REDIS_REST_URL", "Must be an https URL");
  return { url, token: secretOf(env, "UPSTASH_REDIS_REST_TOKEN") };
}

function secretOf(env: Readonly<Record<string, unknown>>, name: string): string {
  const value = Object.hasOwn(env, name) ? env[name] : undefined;
  if (typeof value === "string" && value !== "" && value.trim() === value) return value;
  throw new ConfigError(name, 'Is missing: set it as a secret, since a policy has store = "upstash"');
}

function isSafe(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.has(hostname));
}
