import { deriveKey } from "altcha-lib/algorithms/web/pbkdf2";
import { afterEach, describe, expect, it, vi } from "vitest";
import { requireChallenge } from "../../../src/challenge/require-challenge.ts";
import { ask, challengeFor, CONFIG, PATIENT, type PowPuzzle, solvePow } from "./challenged-gateway.ts";

type Change = (puzzle: PowPuzzle) => object;

afterEach(() => {
  vi.useRealTimers();
});

describe("T11 proof of work", () => {
  it.each<[string, Change]>([
    ["the cost lowered", ({ parameters }) => ({ ...parameters, cost: 1 })],
    ["the prefix shortened to zeros", ({ parameters }) => ({ ...parameters, keyPrefix: "0".repeat(32) })],
    ["a later end", ({ parameters }) => ({ ...parameters, expiresAt: Number(parameters["expiresAt"]) + 60 })],
    ["another salt", ({ parameters }) => ({ ...parameters, salt: "0".repeat(32) })],
    ["another signature of the key", ({ parameters }) => ({ ...parameters, keySignature: "0".repeat(64) })],
    ["an id of its own", ({ parameters }) => ({ ...parameters, data: { ...parameters.data, id: "A".repeat(22) } })],
    ["another buyer", ({ parameters }) => ({ ...parameters, data: { ...parameters.data, buyer: "buyer-2" } })],
    ["a harder look", ({ parameters }) => ({ ...parameters, data: { ...parameters.data, harder: true } })],
    ["another key", ({ parameters }) => ({ ...parameters, data: { ...parameters.data, kid: "other" } })],
    ["a key that nobody has", ({ parameters }) => ({ ...parameters, data: { ...parameters.data, kid: "nobody" } })],
  ])("with %s is refused", async (_, change) => {
    const answer = await solvePow(await challengeFor({}));
    const challenge = { ...answer.challenge, parameters: change(answer.challenge) };
    expect((await ask({ buyer: "buyer-1" }, { ...answer, challenge })).code).toBe("challenge-failed");
    expect((await ask({ buyer: "buyer-2" }, { ...answer, challenge })).code).toBe("challenge-failed");
    expect((await ask({}, answer)).code).toBe("token");
  });

  it("with a solution of a lowered cost is refused", async () => {
    const { challenge } = await challengeFor({});
    const { parameters, signature } = challenge as PowPuzzle;
    const cheap = { ...parameters, cost: 1 };
    const { derivedKey } = await deriveKey(cheap as never, new Uint8Array(16), new Uint8Array(20));
    const easy = { ...cheap, keyPrefix: derivedKey.slice(0, 16).toHex() };
    const solution = { counter: 0, derivedKey: derivedKey.toHex() };
    expect((await ask({}, { kind: "pow", challenge: { parameters: easy, signature }, solution })).code).toBe(
      "challenge-failed",
    );
  });

  it.each([
    ["a key that begins as it must and was not derived", (key: string) => `${key.slice(0, 32)}${"0".repeat(32)}`],
    ["another key", () => "0".repeat(64)],
  ])("with %s is refused, and the challenge stays good", async (_, change) => {
    const answer = await solvePow(await challengeFor({}));
    const solution = { ...answer.solution, derivedKey: change(answer.solution.derivedKey) };
    expect((await ask({}, { ...answer, solution })).code).toBe("challenge-failed");
    expect((await ask({}, answer)).code).toBe("token");
  });

  it("is used up in every spelling", async () => {
    const answer = await solvePow(await challengeFor({}));
    expect((await ask({}, answer)).code).toBe("token");
    const parameters = Object.fromEntries(Object.entries(answer.challenge.parameters).toReversed());
    const respelt = { ...answer, challenge: { ...answer.challenge, parameters } };
    expect((await ask({}, respelt)).code).toBe("challenge-failed");
    const recounted = { ...answer, solution: { ...answer.solution, counter: answer.solution.counter + 1 } };
    expect((await ask({}, recounted)).code).toBe("challenge-failed");
  });

  it("T11 T16: asks for more where harder is demanded, takes no less, and says what to solve instead", async () => {
    const normal = await solvePow(await challengeFor({}));
    const harder = await solvePow(await challengeFor({ demand: "harder" }));
    expect(normal.solution.counter).toBeLessThanOrEqual(CONFIG.pow.trialsLeast + 1);
    expect(harder.solution.counter).toBeGreaterThanOrEqual(CONFIG.pow.trialsLeast * 2);
    const again = await ask({ demand: "harder" }, normal);
    expect(again.code).toBe("challenge-required");
    const answer = await solvePow(again.challenge);
    expect(answer.solution.counter).toBeGreaterThanOrEqual(CONFIG.pow.trialsLeast * 2);
    expect((await ask({ demand: "harder" }, answer)).code).toBe("token");
    expect((await ask({ demand: "harder" }, harder)).code).toBe("token");
  });

  it("asks for more the harder the isolate is pressed", async () => {
    const pow = { ...CONFIG.pow, trialsLeast: 10, trialsMost: 400, fullPressurePerSecond: 5 };
    const asker = { config: { ...CONFIG, pow }, stage: requireChallenge({ burn: PATIENT }) };
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const first = await solvePow(await challengeFor(asker));
    await Promise.all(Array.from({ length: 50 }, () => ask(asker)));
    const pressed = await solvePow(await challengeFor(asker));
    expect(first.solution.counter).toBeLessThan(30);
    expect(pressed.solution.counter).toBeGreaterThanOrEqual(200);
    vi.setSystemTime(Date.now() + 60_000);
    expect((await solvePow(await challengeFor(asker))).solution.counter).toBeLessThan(30);
  });

  it("of a harder demand is good where a normal one is asked", async () => {
    const harder = await solvePow(await challengeFor({ demand: "harder" }));
    expect((await ask({}, harder)).code).toBe("token");
  });

  it("does not tell its counter, nor the second half of the key", async () => {
    const answer = await solvePow(await challengeFor({}));
    const told = JSON.stringify(answer.challenge);
    expect(told).not.toContain(answer.solution.derivedKey.slice(32));
    expect(told).not.toContain('"counter"');
  });
});
