import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, EmbeddedJWK, type JWK, jwtVerify } from "jose";
import { beforeEach, describe, expect, test } from "vitest";
import type { PurchaseToken } from "../../client/documents.ts";
import { createGateway, type Gateway } from "../../client/gateway.ts";
import { browserPossession, type Possession } from "../../client/possession.ts";
import { createPurchase } from "../../client/purchase.ts";
import { CHECKOUT, LOOK, ORDER, PRODUCT, TOKEN, TOKENS } from "./documents.ts";
import { FakeSurroundings, json, problem, type Sent, settle } from "./fake-surroundings.ts";

const URL_OF_CALL = "https://gateway.example/v1/products/demo/tokens?lang=zh#top";
const AT = 1_795_304_393_999;

describe("browserPossession", () => {
  test("T6: makes a proof as RFC 9449 wants it, for one call", async () => {
    const proof = await browserPossession().prove({ method: "POST", url: URL_OF_CALL, at: AT });
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      typ: "dpop+jwt",
      algorithms: ["ES256"],
    });
    expect(payload).toEqual({
      jti: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/),
      htm: "POST",
      htu: "https://gateway.example/v1/products/demo/tokens",
      iat: 1_795_304_393,
    });
    expect(Object.keys(protectedHeader.jwk ?? {}).toSorted()).toEqual(["crv", "kty", "x", "y"]);
  });

  test("T6: names the token that it goes with by its hash", async () => {
    const proof = await browserPossession().prove({ method: "POST", url: URL_OF_CALL, at: AT, token: "a-token" });
    // printf a-token | openssl dgst -sha256 -binary | basenc --base64url | tr -d =
    expect(decodeJwt(proof)["ath"]).toBe("H2B246R7od7QgCX_4G5XryF8FPlAfzP7pQ-ZsccBk4c");
  });

  test("T6: has one key for all its proofs, and a jti for each", async () => {
    const possession = browserPossession();
    const proofs = await Promise.all([1, 2].map(() => possession.prove({ method: "POST", url: URL_OF_CALL, at: AT })));
    const keys = await Promise.all(proofs.map((proof) => thumbprint(decodeProtectedHeader(proof).jwk)));
    expect(new Set(keys).size).toBe(1);
    expect(new Set(proofs.map((proof) => decodeJwt(proof).jti)).size).toBe(2);
  });
});

function thumbprint(jwk: JWK | undefined): Promise<string> {
  if (jwk === undefined) throw new Error("Expected a key in the proof, found none");
  return calculateJwkThumbprint(jwk);
}

function proofOf({ headers }: Sent): string | null {
  return headers.get("DPoP");
}

describe("createGateway with bound tokens", () => {
  let surroundings: FakeSurroundings;
  let gateway: Gateway;

  /** Says in its proofs what they are for. */
  const telling: Possession = {
    prove: ({ method, url, at, token }) => Promise.resolve([method, url, String(at), token ?? "-"].join(" ")),
  };

  beforeEach(() => {
    surroundings = new FakeSurroundings();
    surroundings.on(TOKENS, (sent) => (proofOf(sent) === null ? problem(401, "proof-required") : json(201, TOKEN)));
    surroundings.on(CHECKOUT, (sent) => (proofOf(sent) === null ? problem(401, "proof-required") : json(202, ORDER)));
    surroundings.on(LOOK, () => json(200, { ...PRODUCT, binding: "dpop" }));
    gateway = gatewayWith(telling);
  });

  function gatewayWith(possession: Possession): Gateway {
    return createGateway({ platform: surroundings, identity: () => Promise.resolve("jwt"), possession });
  }

  function calls(): readonly (readonly [string, string | null])[] {
    return surroundings.sent.map((sent) => [`${sent.method} ${sent.path}`, proofOf(sent)]);
  }

  test("T6: proves by itself when it is asked to, and without being asked from then on", async () => {
    surroundings.pass(500);
    expect((await gateway.token(PRODUCT)).code).toBe("ok");
    const token: PurchaseToken = TOKEN;
    expect((await gateway.checkout("demo", token, 1)).code).toBe("ok");
    const at = surroundings.gatewayNow();
    expect(calls()).toEqual([
      [TOKENS, null],
      ["GET /v1/time", null],
      [TOKENS, `POST /v1/products/demo/tokens ${at} -`],
      [CHECKOUT, `POST ${TOKEN.checkoutUrl} ${at} ${TOKEN.token}`],
    ]);
    expect(surroundings.sent[2]?.headers.get("Authorization")).toBe("Bearer jwt");
  });

  test("T6: knows it from the product's document before the click", async () => {
    const product = await gateway.product("demo");
    await settle();
    if (product.code !== "ok") throw new Error(product.code);
    await gateway.token(product.value);
    expect(calls().map(([name]) => name)).toEqual([LOOK, "GET /v1/time", TOKENS]);
    expect(calls()[2]?.[1]).not.toBeNull();
  });

  test("F10: a proof that was refused is made once more, by the gateway's clock asked anew", async () => {
    const answers = [json(201, TOKEN), problem(401, "proof-required"), json(201, TOKEN)];
    surroundings.on(TOKENS, (sent) =>
      proofOf(sent) === null ? problem(401, "proof-required") : (answers.shift() ?? "lost"),
    );
    await gateway.token(PRODUCT);
    expect((await gateway.token(PRODUCT)).code).toBe("ok");
    expect(surroundings.count("GET /v1/time")).toBe(2);
  });

  test("T6: the refusal is the outcome, and the token kept, where the browser makes no keys", async () => {
    gateway = gatewayWith({ prove: () => Promise.reject(new TypeError("crypto.subtle is undefined")) });
    surroundings.on(TOKENS, () => json(201, { ...TOKEN, expiresAt: surroundings.gatewayNow() + 120_000 }));
    const now = () => surroundings.gatewayNow();
    const shop = createPurchase({ gateway, platform: surroundings, now });
    expect((await shop.buy(PRODUCT, 1)).code).toBe("proof-required");
    expect(surroundings.count(CHECKOUT)).toBe(2);
    expect((await shop.buy(PRODUCT, 1)).code).toBe("proof-required");
    expect(surroundings.count(TOKENS)).toBe(1);
  });
});
