/**
 * [vars.CHALLENGE] and its secrets CHALLENGE_KEYS, CHALLENGE_QUIZ and TURNSTILE_SECRET.
 *
 * All of it may be missing where no product asks for a challenge. What is there is checked as strictly as everything else; what a
 * kind needs and has not is told by `missingFor`, so that a product is not opened with a challenge that nobody can be given.
 */
import * as v from "valibot";
import { ConfigError } from "../config-error.ts";
import { parseSecret, parseTable, seconds } from "../config-parsing.ts";
import { type HmacKey, parseHmacKeys } from "../keys/key-config.ts";
import type { FieldError } from "../refusal.ts";
import type { ChallengeKind } from "./kinds.ts";
import type { Question } from "./question.ts";
import { parseQuestions, QUESTIONS } from "./question-bank.ts";
import type { WorkBounds } from "./work.ts";

export interface PowConfig extends WorkBounds {
  /** Of PBKDF2, per trial. */
  readonly iterations: number;
}

export interface TurnstileConfig {
  /** Public; the page shows the widget with it. */
  readonly siteKey: string;
  readonly secret: string;
  /** The hostnames of the pages on which the widget may have been solved. */
  readonly hostnames: readonly string[];
  readonly action: string;
  readonly siteverifyUrl: string;
  readonly timeoutMs: number;
}

export interface ChallengeConfig {
  readonly lifetimeMs: number;
  /** Signs and seals every challenge; empty: no challenge can be issued. */
  readonly keys: readonly HmacKey[];
  readonly pow: PowConfig;
  readonly quiz: readonly Question[];
  readonly turnstile: TurnstileConfig | null;
}

/** A person reads and answers a question within this time. */
const LIFETIME_SECONDS = 120;
/** A challenge that lives longer can be solved in store. */
export const LIFETIME_SECONDS_MAX = 600;

const SITEVERIFY_URL = "https://challenges.cloudflare.com/turnstile/v0/siteverify";
/** Siteverify usually answers in well under a second. */
const SITEVERIFY_TIMEOUT_MS = 2_000;

const whole = (least: number, most: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));

/** Defaults: some 0.1 s of one core of a laptop at rest, ten times that under pressure; see docs/challenges.md. */
const POW = v.strictObject({
  iterations: v.optional(whole(100, 20_000), 1000),
  trials_least: v.optional(whole(10, 1_000_000), 300),
  trials_most: v.optional(whole(10, 1_000_000), 3000),
  full_pressure_per_second: v.optional(whole(1, 100_000), 100),
  harder_factor: v.optional(whole(1, 100), 4),
});

/** Cloudflare's bounds of `action`. */
const ACTION = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,32}$/, "Must be 1 to 32 of A-Z, a-z, 0-9, _ and -"));
const HOSTNAME = v.pipe(v.string(), v.regex(/^[a-z0-9.-]{1,253}$/, "Must be a hostname in lower case, without a port"));

const TURNSTILE = v.strictObject({
  site_key: v.pipe(v.string(), v.nonEmpty("Must not be empty")),
  hostnames: v.pipe(v.array(HOSTNAME), v.minLength(1, "Must name at least one hostname")),
  action: v.optional(ACTION, "sluice-token"),
  siteverify_url: v.optional(v.pipe(v.string(), v.url("Must be an https URL")), SITEVERIFY_URL),
  timeout_ms: v.optional(whole(50, 10_000), SITEVERIFY_TIMEOUT_MS),
});

const CHALLENGE = v.strictObject({
  lifetime_seconds: v.optional(seconds(10, LIFETIME_SECONDS_MAX), LIFETIME_SECONDS),
  pow: v.optional(POW, {}),
  quiz: v.optional(QUESTIONS),
  turnstile: v.optional(TURNSTILE),
});

type RawEnv = Readonly<Record<string, unknown>>;

export function parseChallenge(env: RawEnv): ChallengeConfig {
  const table = parseTable({ CHALLENGE: env["CHALLENGE"] ?? {} }, "CHALLENGE", CHALLENGE);
  return {
    lifetimeMs: table.lifetime_seconds * 1000,
    keys: env["CHALLENGE_KEYS"] === undefined ? [] : parseHmacKeys(env, "CHALLENGE_KEYS"),
    pow: parsePow(table.pow),
    quiz: parseQuiz(env, table.quiz),
    turnstile: parseTurnstile(env, table.turnstile),
  };
}

function parsePow(table: v.InferOutput<typeof POW>): PowConfig {
  if (table.trials_least > table.trials_most) {
    throw new ConfigError("CHALLENGE.pow.trials_least", "Must not be more than trials_most");
  }
  return {
    iterations: table.iterations,
    trialsLeast: table.trials_least,
    trialsMost: table.trials_most,
    fullPressurePerSecond: table.full_pressure_per_second,
    harderFactor: table.harder_factor,
  };
}

/** A secret is the better place: who reads the repository should not know the answers. */
function parseQuiz(env: RawEnv, table: v.InferOutput<typeof QUESTIONS> | undefined): readonly Question[] {
  if (env["CHALLENGE_QUIZ"] === undefined) return table === undefined ? [] : parseQuestions("CHALLENGE.quiz", table);
  if (table !== undefined) {
    throw new ConfigError("CHALLENGE_QUIZ", "Must not stand beside CHALLENGE.quiz: questions come from one place");
  }
  return parseQuestions("CHALLENGE_QUIZ", parseTable(env, "CHALLENGE_QUIZ", QUESTIONS));
}

function parseTurnstile(env: RawEnv, table: v.InferOutput<typeof TURNSTILE> | undefined): TurnstileConfig | null {
  if (table === undefined) {
    if (env["TURNSTILE_SECRET"] === undefined) return null;
    throw new ConfigError("CHALLENGE.turnstile", "Is missing, and TURNSTILE_SECRET is there");
  }
  const url = new URL(table.siteverify_url);
  const isLoopback = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol !== "https:" && !isLoopback) {
    throw new ConfigError("CHALLENGE.turnstile.siteverify_url", "Must be an https URL");
  }
  return {
    siteKey: table.site_key,
    secret: parseSecret(env, "TURNSTILE_SECRET"),
    hostnames: table.hostnames,
    action: table.action,
    siteverifyUrl: url.href,
    timeoutMs: table.timeout_ms,
  };
}

/** What is not configured that a kind of challenge needs: a var's or secret's name. Null: the kind can be issued. */
export function missingFor(config: ChallengeConfig, kind: ChallengeKind): string | null {
  if (config.keys.length === 0) return "CHALLENGE_KEYS";
  if (kind === "quiz" && config.quiz.length === 0) return "CHALLENGE_QUIZ";
  if (kind === "turnstile" && config.turnstile === null) return "CHALLENGE.turnstile";
  return null;
}

/** What is wrong with a product's `challenges` on this gateway: kinds that nobody could be given. */
export function challengeErrors(config: ChallengeConfig, kinds: readonly ChallengeKind[]): readonly FieldError[] {
  return kinds.flatMap((kind, index) => {
    const missing = missingFor(config, kind);
    const message = `Is not set up on this gateway: ${missing ?? ""} is missing`;
    return missing === null ? [] : [{ path: `challenges.${index}`, message }];
  });
}
