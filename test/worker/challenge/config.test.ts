import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/config-error.ts";
import { missingFor, parseChallenge } from "../../../src/challenge/challenge-config.ts";

const SECRET = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const both = (text: string) => ({ en: text, zh: text });
const QUESTION = { id: "one", question: both("Which?"), options: [both("a"), both("b")], right: 1 };
const TURNSTILE = { site_key: "0xSITE", hostnames: ["shop.example"] };
const FULL = {
  CHALLENGE: { turnstile: TURNSTILE },
  CHALLENGE_KEYS: JSON.stringify([{ kid: "one", secret: SECRET }]),
  CHALLENGE_QUIZ: JSON.stringify([QUESTION, { id: "two", question: both("The code?"), codes: ["Moon 42"] }]),
  TURNSTILE_SECRET: "turnstile-secret",
};

/** The error that a configuration is refused with. */
function refusalOf(env: Readonly<Record<string, unknown>>): ConfigError {
  try {
    parseChallenge(env);
  } catch (fault) {
    if (fault instanceof ConfigError) return fault;
    throw fault;
  }
  throw new Error("The configuration must be refused, and was taken");
}

describe("parseChallenge", () => {
  it("has defaults for everything where nothing is configured, and says what is missing", () => {
    const config = parseChallenge({});
    expect(config).toMatchObject({ lifetimeMs: 120_000, keys: [], quiz: [], turnstile: null });
    expect(config.pow).toEqual({
      iterations: 1000,
      trialsLeast: 300,
      trialsMost: 3000,
      fullPressurePerSecond: 100,
      harderFactor: 4,
    });
    expect(missingFor(config, "pow")).toBe("CHALLENGE_KEYS");
    const keyed = parseChallenge({ CHALLENGE_KEYS: FULL.CHALLENGE_KEYS });
    expect(missingFor(keyed, "pow")).toBeNull();
    expect(missingFor(keyed, "quiz")).toBe("CHALLENGE_QUIZ");
    expect(missingFor(keyed, "turnstile")).toBe("CHALLENGE.turnstile");
  });

  it("reads everything", () => {
    const config = parseChallenge(FULL);
    expect(config.quiz.map(({ input }) => input)).toEqual(["choice", "text"]);
    expect(config.turnstile).toEqual({
      siteKey: "0xSITE",
      secret: "turnstile-secret",
      hostnames: ["shop.example"],
      action: "sluice-token",
      siteverifyUrl: "https://challenges.cloudflare.com/turnstile/v0/siteverify",
      timeoutMs: 2000,
    });
    for (const kind of ["pow", "quiz", "turnstile"] as const) expect(missingFor(config, kind)).toBeNull();
  });

  it("takes the questions from wrangler.toml too", () => {
    const { CHALLENGE_QUIZ: _secret, ...rest } = FULL;
    expect(parseChallenge({ ...rest, CHALLENGE: { turnstile: TURNSTILE, quiz: [QUESTION] } }).quiz.length).toBe(1);
  });

  it.each<[string, object]>([
    ["CHALLENGE.lifetime_seconds", { CHALLENGE: { lifetime_seconds: 5 } }],
    ["CHALLENGE.lifetime_seconds", { CHALLENGE: { lifetime_seconds: 601 } }],
    ["CHALLENGE.life_time", { CHALLENGE: { life_time: 5 } }],
    ["CHALLENGE.pow.iterations", { CHALLENGE: { pow: { iterations: 99 } } }],
    ["CHALLENGE.pow.iterations", { CHALLENGE: { pow: { iterations: "1000" } } }],
    ["CHALLENGE.pow.trials_least", { CHALLENGE: { pow: { trials_least: 20, trials_most: 10 } } }],
    ["CHALLENGE.pow.difficulty", { CHALLENGE: { pow: { difficulty: 1 } } }],
    ["CHALLENGE.turnstile.hostnames", { CHALLENGE: { turnstile: { ...TURNSTILE, hostnames: [] } } }],
    [
      "CHALLENGE.turnstile.hostnames.0",
      { CHALLENGE: { turnstile: { ...TURNSTILE, hostnames: ["https://shop.example"] } } },
    ],
    ["CHALLENGE.turnstile.action", { CHALLENGE: { turnstile: { ...TURNSTILE, action: "with blank" } } }],
    [
      "CHALLENGE.turnstile.siteverify_url",
      { CHALLENGE: { turnstile: { ...TURNSTILE, siteverify_url: "http://evil.example/" } } },
    ],
    ["CHALLENGE.turnstile", { CHALLENGE: {} }],
    ["TURNSTILE_SECRET", { TURNSTILE_SECRET: undefined }],
    ["CHALLENGE_KEYS.one.secret", { CHALLENGE_KEYS: JSON.stringify([{ kid: "one", secret: "AAAA" }]) }],
    ["CHALLENGE_QUIZ", { CHALLENGE_QUIZ: "not JSON" }],
    ["CHALLENGE_QUIZ", { CHALLENGE_QUIZ: "[]" }],
    ["CHALLENGE_QUIZ", { CHALLENGE: { turnstile: TURNSTILE, quiz: [QUESTION] } }],
    ["CHALLENGE_QUIZ.one", { CHALLENGE_QUIZ: [QUESTION, QUESTION] }],
    ["CHALLENGE_QUIZ.one", { CHALLENGE_QUIZ: [{ ...QUESTION, codes: ["Moon 42"] }] }],
    ["CHALLENGE_QUIZ.one.right", { CHALLENGE_QUIZ: [{ ...QUESTION, right: 2 }] }],
    ["CHALLENGE_QUIZ.one.options", { CHALLENGE_QUIZ: [{ id: "one", question: both("Which?") }] }],
    ["CHALLENGE_QUIZ.one.codes", { CHALLENGE_QUIZ: [{ id: "one", question: both("Which?"), codes: [" "] }] }],
    ["CHALLENGE_QUIZ.0.question.zh", { CHALLENGE_QUIZ: [{ ...QUESTION, question: { en: "Which?" } }] }],
    ["CHALLENGE_QUIZ.0.options", { CHALLENGE_QUIZ: [{ ...QUESTION, options: [both("a")] }] }],
  ])("F11 names %s", (key, change) => {
    const fault = refusalOf({ ...FULL, ...change });
    expect(fault.key).toBe(key);
    expect(fault.message).not.toMatch(/turnstile-secret|AAAA|Moon 42/);
  });
});
