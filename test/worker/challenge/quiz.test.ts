import { describe, expect, it } from "vitest";
import { ask, challengeFor, CODE, CONFIG, PEAK, solve } from "./challenged-gateway.ts";

const PLACES = [0, 1, 2, 3];

describe("T11 a quiz", () => {
  it("serves neither answer, question id nor order", async () => {
    const told = [await ask({ kind: "quiz" }), await ask({ kind: "quiz", config: { ...CONFIG, quiz: [CODE] } })];
    for (const { challenge, text } of told) {
      expect(Object.keys(challenge).toSorted()).toEqual([
        "expiresAt",
        "input",
        "kind",
        "language",
        ...("options" in challenge ? ["options"] : []),
        "question",
        "ticket",
      ]);
      expect(text).not.toMatch(/right|codes|moon|question-of|order/i);
      const [head = ""] = String(challenge["ticket"]).split(".");
      expect(JSON.parse(atob(head))).toEqual({ alg: "dir", enc: "A256GCM", typ: "sluice-challenge+jwt", kid: "one" });
    }
  });

  it("gives one attempt: a wrong answer uses it up", async () => {
    const challenge = await challengeFor({ kind: "quiz" });
    const right = await solve(challenge);
    const wrong = { ...right, answer: PLACES.find((place) => place !== right["answer"]) };
    const told = await ask({ kind: "quiz" }, wrong);
    expect([told.status, told.code]).toEqual([403, "challenge-failed"]);
    expect((await ask({ kind: "quiz" }, right)).code).toBe("challenge-failed");
  });

  it("gives one attempt to fifty guesses at once", async () => {
    const { ticket } = await challengeFor({ kind: "quiz" });
    const told = await Promise.all(
      Array.from({ length: 50 }, (_, index) => ask({ kind: "quiz" }, { kind: "quiz", ticket, answer: index % 4 })),
    );
    expect(told.filter(({ code }) => code === "token").length).toBeLessThanOrEqual(1);
    for (const answer of PLACES) {
      expect((await ask({ kind: "quiz" }, { kind: "quiz", ticket, answer })).code).toBe("challenge-failed");
    }
  });

  it("shuffles its options, so that the right one has no place of its own", async () => {
    const places = new Set<unknown>();
    for (let round = 1; round <= 60; round += 1) {
      const challenge = await challengeFor({ kind: "quiz", round });
      expect((challenge["options"] as string[]).toSorted()).toEqual(["Amazon", "Baikal", "Kilimanjaro", "Sahara"]);
      places.add((await solve(challenge))["answer"]);
    }
    expect(places).toEqual(new Set(PLACES));
  });

  it("puts the same question to the same buyer, however often it is asked for", async () => {
    const quiz = Array.from({ length: 20 }, (_, index) => ({
      ...PEAK,
      id: `q${index}`,
      question: { en: `Question ${index}`, zh: `问题 ${index}` },
    }));
    const config = { ...CONFIG, quiz, lifetimeMs: 600_000 };
    const asked = async (buyer: string) => (await challengeFor({ kind: "quiz", config, buyer }))["question"];
    // Ten minutes are one spell: a boundary between the askings would change the question once.
    expect(new Set([await asked("a"), await asked("a"), await asked("a"), await asked("a")]).size).toBeLessThanOrEqual(
      2,
    );
    const others = await Promise.all(Array.from({ length: 40 }, (_, index) => asked(`buyer-${index}`)));
    expect(new Set(others).size).toBeGreaterThan(5);
  });

  it.each([
    ["?lang=zh", "en", "zh", "下列哪一个是山？"],
    ["", "zh-CN,zh;q=0.9", "zh", "下列哪一个是山？"],
    ["", "en-GB", "en", "Which of these is a mountain?"],
    ["?lang=fr", "fr", "en", "Which of these is a mountain?"],
  ])("is put, for %j and %j, in %s", async (query, language, told, question) => {
    const challenge = await challengeFor({ kind: "quiz", query, language });
    expect(challenge).toMatchObject({ language: told, question });
    expect((await ask({ kind: "quiz" }, await solve(challenge))).code).toBe("token");
  });

  it.each([
    ["moon 42", "token"],
    ["ＭＯＯＮ４２", "token"],
    ["moon 43", "challenge-failed"],
    ["", "challenge-failed"],
    [0, "challenge-failed"],
  ])("takes an announced code: %j is %s", async (answer, code) => {
    const asker = { kind: "quiz", config: { ...CONFIG, quiz: [CODE] } } as const;
    const challenge = await challengeFor(asker);
    expect(challenge["input"]).toBe("text");
    expect((await ask(asker, { kind: "quiz", ticket: challenge["ticket"], answer })).code).toBe(code);
  });

  it.each([
    ["was taken out", [CODE]],
    ["has other options", [{ ...PEAK, options: [] }]],
  ])("has no right answer where the question %s since", async (_, quiz) => {
    const answer = await solve(await challengeFor({ kind: "quiz" }));
    expect((await ask({ kind: "quiz", config: { ...CONFIG, quiz } }, answer)).code).toBe("challenge-failed");
  });
});
