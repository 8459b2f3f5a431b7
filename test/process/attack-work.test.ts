/** The proofs of work of an attack: solved really, waited for by model. */
import { createChallenge, verifySolution } from "altcha-lib";
import { deriveKey } from "altcha-lib/algorithms/web/pbkdf2";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { formatFigures, putFigures } from "../../scripts/attack/page.ts";
import { coreTrialMs, deviceTimes } from "../../scripts/attack/work/devices.ts";
import { Farm } from "../../scripts/attack/work/farm.ts";
import { solveProof } from "../../scripts/attack/work/proof.ts";
import { scalePuzzles } from "../../scripts/attack/work/puzzles.ts";

describe("solveProof", () => {
  const secrets = { hmacSignatureSecret: "one", hmacKeySignatureSecret: "two" };
  const challengeOf = (counter: number) =>
    createChallenge({ algorithm: "PBKDF2/SHA-256", cost: 100, keyLength: 32, counter, deriveKey, ...secrets });

  it("T11: finds the counter that was drawn, and counts a trial for each one from 0 on", async () => {
    const challenge = await challengeOf(17);
    const { answer, trials } = await solveProof({ kind: "pow", expiresAt: 1, challenge });
    expect(trials).toBe(18);
    const { solution } = v.parse(
      v.object({ solution: v.object({ counter: v.number(), derivedKey: v.string() }) }),
      answer,
    );
    expect(await verifySolution({ challenge, solution, deriveKey, ...secrets })).toMatchObject({ verified: true });
    expect(Object.keys(answer)).toEqual(["kind", "challenge", "solution"]);
  });

  it("refuses to play where the gateway asks for something else", async () => {
    await expect(solveProof({ kind: "quiz", ticket: "x" })).rejects.toThrow("no proof of work");
    const unsigned = await createChallenge({ algorithm: "PBKDF2/SHA-256", cost: 100, deriveKey });
    await expect(solveProof({ kind: "pow", challenge: unsigned })).rejects.toThrow("no proof of work");
  });
});

describe("scalePuzzles", () => {
  const pow = { iterations: 1000, trials_least: 300, trials_most: 3000, harder_factor: 4 };

  it("asks for the smallest puzzles that are allowed, and says what they stand for", () => {
    expect(scalePuzzles({ CHALLENGE: { pow } })).toEqual({
      challenge: { pow: { iterations: 100, trials_least: 10, trials_most: 100, harder_factor: 4 } },
      fullTrials: 30,
      fullIterations: 1000,
    });
  });

  it("leaves puzzles that are small already", () => {
    const small = { iterations: 100, trials_least: 15, trials_most: 40 };
    expect(scalePuzzles({ CHALLENGE: { pow: small } })).toMatchObject({ challenge: { pow: small }, fullTrials: 1 });
  });
});

describe("Farm", () => {
  it("solves one proof after the other with all its cores", () => {
    const farm = new Farm(4);
    expect(farm.takeOn(400, 1000, 9999)).toBe(1100);
    expect(farm.takeOn(400, 1000, 9999)).toBe(1200);
    expect(farm.takeOn(400, 5000, 9999)).toBe(5100);
  });

  it("takes nothing on that would be ready too late, and stays free for others", () => {
    const farm = new Farm(1);
    expect(farm.takeOn(400, 1000, 1399)).toBeNull();
    expect(farm.takeOn(399, 1000, 1399)).toBe(1399);
  });
});

describe("deviceTimes", () => {
  it("makes a phone four times as slow as the laptop of the same rank, and every second device one", () => {
    expect([deviceTimes(0.9, 0), deviceTimes(0.9, 0.5), deviceTimes(0.9, 1)]).toEqual([0.5, 1, 2]);
    expect([deviceTimes(0.1, 0), deviceTimes(0.1, 1)]).toEqual([2, 8]);
  });

  it("takes as long for twice the iterations as for two trials", () => {
    expect(coreTrialMs(2000)).toBe(2 * coreTrialMs(1000));
  });
});

describe("putFigures", () => {
  const sizes = { honest: 3, attackers: 2, stock: 1, seed: 9, farmCores: null };
  const page =
    "# A page\n\n<!-- figures: written by npm run attack -- --write-docs -->\nold\n<!-- end of the figures -->\n\nMore\n";

  it("replaces what stands between the marks, and nothing else", () => {
    const figures = formatFigures([], sizes, "2 cores");
    const put = putFigures(page, figures);
    expect(put).toContain("npm run attack -- --seed 9 --honest 3 --attackers 2 --stock 1\n");
    expect(put).not.toContain("old");
    expect(put.startsWith("# A page\n")).toBe(true);
    expect(put.endsWith("\n\nMore\n")).toBe(true);
    expect(putFigures(put, figures)).toBe(put);
  });

  it("refuses a page without its marks", () => {
    expect(() => putFigures("# A page", "x")).toThrow("end of the figures");
  });
});
