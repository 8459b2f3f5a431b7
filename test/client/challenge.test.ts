import { describe, expect, test } from "vitest";
import { parseChallenge } from "../../client/challenge/documents.ts";
import { solve } from "../../client/challenge/solve.ts";
import { challengeWordsFor } from "../../client/challenge/words.ts";
import type { Product } from "../../client/documents.ts";
import { createGateway } from "../../client/gateway.ts";
import { createPurchase } from "../../client/purchase.ts";
import { FakeSurroundings, GATEWAY_START, json, problem, type Reply } from "./fake-surroundings.ts";

const PRODUCT: Product = {
  id: "p",
  title: "P",
  price: 1,
  currency: "EUR",
  round: 1,
  state: "open",
  opensAt: GATEWAY_START - 1000,
  closesAt: GATEWAY_START + 1e6,
  perBuyerLimit: 1,
  holdSeconds: 60,
  challenges: ["pow"],
  tokenUrl: "/v1/products/p/tokens",
};
const TOKEN = json(201, { token: "t", expiresAt: GATEWAY_START + 60_000, checkoutUrl: "/v1/products/p/checkout/g" });
const ORDER = {
  orderId: "o",
  status: "held",
  quantity: 1,
  holdExpiresAt: GATEWAY_START + 60_000,
  statusUrl: "/v1/products/p/orders/o",
};
const required = (id: number) => problem(403, "challenge-required", { challenge: { id } });

/** A click whose token requests are answered in turn; the solver answers a challenge with its id. */
async function click(replies: readonly Reply[], solver?: (challenge: unknown) => Promise<unknown>) {
  const platform = new FakeSurroundings();
  const turn = [...replies];
  platform.on("POST /v1/products/p/tokens", () => turn.shift() ?? problem(500, "out-of-replies"));
  platform.on("POST /v1/products/p/checkout/g", () => json(202, ORDER));
  const asked: unknown[] = [];
  const purchase = createPurchase({
    gateway: createGateway({ platform, identity: () => Promise.resolve("jwt") }),
    platform,
    now: () => platform.gatewayNow(),
    solveChallenge: (challenge) => {
      asked.push(challenge);
      return solver === undefined ? Promise.resolve({ solved: challenge }) : solver(challenge);
    },
  });
  const bought = purchase.buy(PRODUCT, 1);
  await platform.advance(30_000);
  const outcome = await bought;
  const sent = platform.sent
    .filter(({ path }) => path.endsWith("/tokens"))
    .map(({ body }) => JSON.parse(body) as unknown);
  return { outcome: outcome.code, asked, sent };
}

describe("createPurchase with a challenge", () => {
  test("solves it and sends the answer with the next request", async () => {
    const { outcome, sent } = await click([required(1), TOKEN.clone()]);
    expect(outcome).toBe("ok");
    expect(sent).toEqual([{}, { challenge: { solved: { id: 1 } } }]);
  });

  test("F2: asks for another where the answer was lost and its challenge is used up", async () => {
    const { outcome, sent } = await click([
      required(1),
      "lost",
      problem(403, "challenge-failed"),
      required(2),
      TOKEN.clone(),
    ]);
    expect(outcome).toBe("ok");
    const first = { challenge: { solved: { id: 1 } } };
    expect(sent).toEqual([{}, first, first, {}, { challenge: { solved: { id: 2 } } }]);
  });

  test("a wrong answer is told, and nothing is asked again before the next click", async () => {
    const { outcome, asked } = await click([required(1), problem(403, "challenge-failed")]);
    expect([outcome, asked.length]).toEqual(["challenge-failed", 1]);
  });

  test("an answer that could not be verified is sent again, the same one", async () => {
    const { outcome, asked, sent } = await click([required(1), problem(503, "overloaded", {}, 1), TOKEN.clone()]);
    expect([outcome, asked.length]).toEqual(["ok", 1]);
    expect(sent[1]).toEqual(sent[2]);
  });

  test("a dialog that was closed ends the purchase with the refusal", async () => {
    const { outcome, sent } = await click([required(1)], () => Promise.reject(new Error("closed")));
    expect([outcome, sent.length]).toEqual(["challenge-required", 1]);
  });

  test("does not solve without end", async () => {
    const { outcome, asked } = await click([required(1), required(2), required(3), required(4)]);
    expect([outcome, asked.length]).toEqual(["challenge-required", 2]);
  });

  test("asks for the page's language", async () => {
    const platform = new FakeSurroundings();
    platform.on("POST /v1/products/p/tokens?lang=zh", () => TOKEN.clone());
    const gateway = createGateway({ platform, identity: () => Promise.resolve("jwt"), language: () => "zh" });
    expect((await gateway.token(PRODUCT)).code).toBe("ok");
  });
});

describe("parseChallenge", () => {
  const pow = {
    kind: "pow",
    challenge: {
      parameters: { algorithm: "PBKDF2/SHA-256", nonce: "00", salt: "00", keyPrefix: "00", cost: 1 },
      signature: "00",
    },
  };
  const quiz = { kind: "quiz", ticket: "t", language: "en", question: "Which?", options: ["a", "b"], expiresAt: 1 };
  const turnstile = { kind: "turnstile", ticket: "t", siteKey: "s", action: "a", cData: "c" };

  test.each([[pow], [quiz], [turnstile]])("takes %j", (challenge) => {
    expect(parseChallenge(challenge)).toMatchObject({ kind: challenge.kind });
  });

  test.each([
    [undefined],
    [{ kind: "riddle" }],
    [{ ...pow, challenge: { signature: "00" } }],
    [{ ...pow, challenge: { ...pow.challenge, signature: undefined } }],
    [{ ...quiz, ticket: "" }],
    [{ ...quiz, options: [1] }],
    [{ ...turnstile, siteKey: undefined }],
  ])("takes no %j", async (challenge) => {
    expect(parseChallenge(challenge)).toBeUndefined();
    await expect(solve(challenge, { language: "en", now: () => undefined })).rejects.toThrow(
      "of a kind that this page knows",
    );
  });
});

test("challengeWordsFor has both languages, and English for every other", () => {
  expect(challengeWordsFor("zh-Hans").locale).toBe("zh-CN");
  expect(challengeWordsFor("en-GB").locale).toBe("en");
  expect(challengeWordsFor("fr").locale).toBe("en");
  for (const language of ["en", "zh"]) expect(challengeWordsFor(language).quizHint(42)).toContain("42");
});
