import { beforeEach, describe, expect, test } from "vitest";
import { createGateway } from "../../client/gateway.ts";
import { type Attempt, createPurchase } from "../../client/purchase.ts";
import { CHECKOUT, ORDER, PRODUCT, TOKEN, TOKENS } from "./documents.ts";
import { FakeSurroundings, json, problem, settle } from "./fake-surroundings.ts";

let surroundings: FakeSurroundings;
let kept: (Attempt | undefined)[];

beforeEach(() => {
  surroundings = new FakeSurroundings();
  kept = [];
  let tokens = 0;
  surroundings.on(TOKENS, () => {
    tokens += 1;
    return json(201, { ...TOKEN, token: `token-${tokens}`, expiresAt: surroundings.gatewayNow() + 120_000 });
  });
  surroundings.on(CHECKOUT, () => json(202, ORDER));
});

function purchase(attempt?: Attempt) {
  return createPurchase({
    gateway: createGateway({ platform: surroundings, identity: () => Promise.resolve("jwt") }),
    platform: surroundings,
    now: () => surroundings.gatewayNow(),
    onAttempt: (next) => kept.push(next),
    ...(attempt === undefined ? {} : { attempt }),
  });
}

function tokensSent(): (string | null)[] {
  return surroundings.sent
    .filter(({ path }) => path === TOKEN.checkoutUrl)
    .map(({ headers }) => headers.get("Purchase-Token"));
}

/** Answers the checkouts in turn; the last answer stays. */
function answerCheckouts(...replies: (() => Response | "lost")[]): void {
  surroundings.on(CHECKOUT, () => (replies.length > 1 ? replies.shift() : replies[0])?.() ?? "lost");
}

describe("createPurchase", () => {
  test("asks for one token and checks out with it once", async () => {
    const outcome = await purchase().buy(PRODUCT, 2);
    expect(outcome).toMatchObject({ code: "ok", value: { orderId: "ord_1", status: "held" } });
    expect(surroundings.sent.map(({ method, path }) => `${method} ${path}`)).toEqual([TOKENS, CHECKOUT]);
    expect(surroundings.sent[0]?.headers.get("Authorization")).toBe("Bearer jwt");
    expect(surroundings.sent[1]?.body).toBe('{"quantity":2}');
    expect(surroundings.sent[1]?.headers.get("Authorization")).toBeNull();
  });

  test("T22: several clicks at once are one purchase", async () => {
    const shop = purchase();
    const outcomes = await Promise.all([shop.buy(PRODUCT, 1), shop.buy(PRODUCT, 1), shop.buy(PRODUCT, 2)]);
    expect(new Set(outcomes).size).toBe(1);
    expect(surroundings.count(TOKENS)).toBe(1);
    expect(surroundings.count(CHECKOUT)).toBe(1);
  });

  test("F2: after a lost answer the same token is sent again, and no second one is asked for", async () => {
    answerCheckouts(
      () => "lost",
      () => "lost",
      () => json(200, ORDER, { "Idempotency-Replayed": "true" }),
    );
    const outcome = purchase().buy(PRODUCT, 1);
    await surroundings.advance(5_000);
    expect(await outcome).toMatchObject({ code: "ok" });
    expect(tokensSent()).toEqual(["token-1", "token-1", "token-1"]);
    expect(surroundings.count(TOKENS)).toBe(1);
  });

  test("F2: an answer that never comes leaves the token for the next click, with the quantity it was sent with", async () => {
    answerCheckouts(() => "lost");
    const shop = purchase();
    const first = shop.buy(PRODUCT, 2);
    await surroundings.advance(60_000);
    expect(await first).toMatchObject({ code: "network" });
    expect(shop.isFateUnknown()).toBe(true);

    // Even past its time: an order may have come of it, and only this token leads there.
    await surroundings.advance(600_000);
    answerCheckouts(() => json(200, ORDER));
    expect(await shop.buy(PRODUCT, 1)).toMatchObject({ code: "ok" });
    expect(new Set(tokensSent())).toEqual(new Set(["token-1"]));
    expect(surroundings.sent.at(-1)?.body).toBe('{"quantity":2}');
    expect(shop.isFateUnknown()).toBe(false);
  });

  test("F2: the token is recorded before it is sent, and forgotten when its fate is known", async () => {
    let recorded: Attempt | undefined;
    surroundings.on(CHECKOUT, () => {
      recorded = kept.at(-1);
      return json(202, ORDER);
    });
    await purchase().buy(PRODUCT, 1);
    expect(recorded).toMatchObject({ productId: "demo", quantity: 1, fate: "unknown", token: { token: "token-1" } });
    expect(kept.at(-1)).toBeUndefined();
  });

  test("honours Retry-After of an overloaded gateway, with the same token", async () => {
    answerCheckouts(
      () => problem(503, "overloaded", {}, 2),
      () => json(202, ORDER),
    );
    const outcome = purchase().buy(PRODUCT, 1);
    await surroundings.advance(1_999);
    expect(tokensSent()).toHaveLength(1);
    await surroundings.advance(1_000);
    expect(await outcome).toMatchObject({ code: "ok" });
    expect(tokensSent()).toEqual(["token-1", "token-1"]);
  });

  test("a token that a refusal left unspent is used by the next click", async () => {
    answerCheckouts(
      () => problem(409, "held-out", { nextReleaseAt: 1 }, 9),
      () => json(202, ORDER),
    );
    const shop = purchase();
    expect(await shop.buy(PRODUCT, 1)).toMatchObject({ code: "held-out" });
    expect(await shop.buy(PRODUCT, 1)).toMatchObject({ code: "ok" });
    expect(surroundings.count(TOKENS)).toBe(1);
  });

  test("an unspent token that has run out, or was asked for another quantity, is replaced", async () => {
    answerCheckouts(() => problem(409, "held-out"));
    const shop = purchase();
    await shop.buy(PRODUCT, 1);
    await shop.buy(PRODUCT, 2);
    await surroundings.advance(120_000);
    await shop.buy(PRODUCT, 2);
    expect(tokensSent()).toEqual(["token-1", "token-2", "token-3"]);
  });

  test("an unspent token that the gateway no longer accepts is replaced within the same click", async () => {
    answerCheckouts(
      () => problem(409, "held-out"),
      () => problem(403, "token-expired"),
      () => json(202, ORDER),
    );
    const shop = purchase();
    await shop.buy(PRODUCT, 1);
    expect(await shop.buy(PRODUCT, 1)).toMatchObject({ code: "ok" });
    expect(tokensSent()).toEqual(["token-1", "token-1", "token-2"]);
  });

  test("a token of unknown fate is never replaced within the same click", async () => {
    answerCheckouts(() => problem(403, "token-expired"));
    const attempt: Attempt = { productId: "demo", token: TOKEN, quantity: 1, fate: "unknown" };
    expect(await purchase(attempt).buy(PRODUCT, 1)).toMatchObject({ code: "token-expired" });
    expect(surroundings.count(TOKENS)).toBe(0);
  });

  test("a refusal of the token request is the outcome", async () => {
    surroundings.on(TOKENS, () => problem(429, "rate-limited", {}, 30));
    expect(await purchase().buy(PRODUCT, 1)).toMatchObject({ code: "rate-limited", retryAfterMs: 30_000 });
    expect(surroundings.count(CHECKOUT)).toBe(0);
  });

  test("a challenge is solved where the page can, and its answer sent with the token request", async () => {
    const replies = [problem(403, "challenge-required", { challenge: { kind: "quiz" } }), json(201, TOKEN)];
    surroundings.on(TOKENS, () => replies.shift() ?? "lost");
    const shop = createPurchase({
      gateway: createGateway({ platform: surroundings, identity: () => Promise.resolve("jwt") }),
      platform: surroundings,
      now: () => surroundings.gatewayNow(),
      solveChallenge: (challenge) => Promise.resolve({ answered: challenge }),
    });
    expect(await shop.buy(PRODUCT, 1)).toMatchObject({ code: "ok" });
    expect(surroundings.sent[1]?.body).toBe('{"challenge":{"answered":{"kind":"quiz"}}}');
  });

  test("a shop that cannot say who the buyer is counts as silence, not as a fault", async () => {
    const shop = createPurchase({
      gateway: createGateway({ platform: surroundings, identity: () => Promise.reject(new Error("down")) }),
      platform: surroundings,
      now: () => surroundings.gatewayNow(),
    });
    const outcome = shop.buy(PRODUCT, 1);
    await surroundings.advance(60_000);
    expect(await outcome).toMatchObject({ code: "network" });
    await settle();
    expect(surroundings.sent).toEqual([]);
  });

  test.each(["https://evil.example/v1/x", "//evil.example/v1/x", "/other"])(
    "a checkout URL outside the gateway's API is not followed: %s",
    async (checkoutUrl) => {
      surroundings.on(TOKENS, () => json(201, { ...TOKEN, checkoutUrl }));
      expect(await purchase().buy(PRODUCT, 1)).toMatchObject({ code: "unexpected" });
      expect(surroundings.sent).toHaveLength(1);
    },
  );
});
