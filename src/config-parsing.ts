/** How one var or secret becomes a checked value, with errors that name the key and never show what was there. */
import * as v from "valibot";
import { ConfigError } from "./config-error.ts";

type RawEnv = Readonly<Record<string, unknown>>;

/** A whole number of seconds within bounds. */
export function seconds(least: number, most: number) {
  return v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
}

/** A table of wrangler.toml, or the same as JSON text. */
export function parseTable<Schema extends v.GenericSchema>(
  env: RawEnv,
  key: string,
  schema: Schema,
): v.InferOutput<Schema> {
  const raw = env[key];
  if (raw === undefined) throw new ConfigError(key, "Is missing");
  return check(key, typeof raw === "string" ? parseJson(key, raw) : raw, schema);
}

/** `raw` as the schema wants it. The error names the innermost key, dotted, and what was wanted, but not the value. */
export function check<Schema extends v.GenericSchema>(
  key: string,
  raw: unknown,
  schema: Schema,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, raw);
  if (parsed.success) return parsed.output;
  // A misspelt key is also a missing one: the misspelt one is what is looked for.
  const issue = parsed.issues.find(({ expected }) => expected === "never") ?? parsed.issues[0];
  const path = v.getDotPath(issue);
  throw new ConfigError(path === null ? key : `${key}.${path}`, describe(issue));
}

function describe(issue: v.BaseIssue<unknown>): string {
  if (issue.expected === "never") return "Is not a known key";
  if (issue.received === "undefined") return "Is missing";
  // A message of our own says it; valibot's own ones repeat the value that was received, which may be a secret.
  if (!issue.message.startsWith("Invalid ")) return issue.message;
  return issue.expected === null ? `Is not a valid ${issue.type}` : `Must be ${issue.expected}`;
}

function parseJson(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigError(key, "Is text, but not JSON");
  }
}

/** A secret: text that is there and not empty. */
export function parseSecret(env: RawEnv, key: string): string {
  const value = env[key];
  if (typeof value !== "string" || value === "") throw new ConfigError(key, "Is missing: set it as a secret");
  return value;
}
