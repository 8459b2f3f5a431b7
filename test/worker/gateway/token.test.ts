import { CompactSign, decodeJwt, decodeProtectedHeader, importJWK, SignJWT } from "jose";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  bearer,
  call,
  checkOut,
  makeBuyer,
  makeIdentity,
  putProduct,
  secret,
  takeToken,
} from "../../support/worker/gateway.ts";

afterEach(() => {
  vi.useRealTimers();
});

interface Ring {
  readonly kid: string;
  readonly secret: string;
}

function ringKey(): { readonly kid: string; readonly key: Uint8Array } {
  const [first] = JSON.parse(secret("TOKEN_KEYS")) as Ring[];
  if (first === undefined) throw new Error("The test's ring is empty");
  return { kid: first.kid, key: Uint8Array.fromBase64(first.secret, { alphabet: "base64url" }) };
}

/** A token as ours are, with claims and header changed one at a time. */
async function forge(token: string, claims: object, header: object = {}, key = ringKey().key): Promise<string> {
  return new SignJWT({ ...decodeJwt(token), ...claims })
    .setProtectedHeader({ ...decodeProtectedHeader(token), alg: "HS256", ...header })
    .sign(key);
}

async function askToken(id: string, authorization?: string, body: unknown = {}) {
  return call(`/v1/products/${id}/tokens`, {
    method: "POST",
    headers: authorization === undefined ? {} : { Authorization: authorization },
    body,
  });
}

describe("POST /v1/products/{id}/tokens", () => {
  it("gives a buyer a token, its end and where to use it", async () => {
    const id = await putProduct();
    const answer = await call(`/v1/products/${id}/tokens`, { method: "POST", headers: await bearer("alice") });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
    const token = String(answer.body["token"]);
    expect(answer.body["checkoutUrl"]).toMatch(new RegExp(`^/v1/products/${id}/checkout/[A-Za-z0-9_-]{22}$`));
    expect(decodeJwt(token)).toMatchObject({ sub: "alice", pid: id, rnd: 1, aud: "sluice/checkout" });
    expect(answer.body["expiresAt"]).toBe((decodeJwt(token).exp ?? 0) * 1000);
  });

  it("T10 is too early until the gateway's clock says open", async () => {
    const opensAt = Date.now() + 90_000;
    const id = await putProduct({ opensAt });
    vi.useFakeTimers({ toFake: ["Date"], now: opensAt - 1 });
    const early = await call(`/v1/products/${id}/tokens`, { method: "POST", headers: await bearer("early") });
    expect(early.status).toBe(425);
    expect(early.body).toMatchObject({ code: "too-early", opensAt });
    expect(early.headers.get("Retry-After")).toBe("1");
    vi.setSystemTime(opensAt);
    expect((await call(`/v1/products/${id}/tokens`, { method: "POST", headers: await bearer("early") })).status).toBe(
      201,
    );
  });

  it("needs an identity", async () => {
    const id = await putProduct();
    const answer = await askToken(id);
    expect(answer.status).toBe(401);
    expect(answer.body["code"]).toBe("identity-required");
    expect(answer.headers.get("WWW-Authenticate")).toBe("Bearer");
  });

  it.each([
    ["another issuer", { iss: "https://elsewhere.example" }],
    ["another audience", { aud: "elsewhere" }],
    ["a time that is over", { exp: Math.floor(Date.now() / 1000) - 60 }],
    ["a time that has not begun", { nbf: Math.floor(Date.now() / 1000) + 600 }],
    ["an empty subject", { sub: "" }],
    ["a huge subject", { sub: "x".repeat(257) }],
    ["a subject that Postgres cannot store", { sub: "a\u0000b" }],
  ])("T4 refuses an identity with %s", async (_, claims) => {
    const id = await putProduct();
    const answer = await askToken(id, `Bearer ${await makeIdentity("mallory", claims)}`);
    expect(answer.status).toBe(401);
    expect(answer.body["code"]).toBe("identity-invalid");
  });

  it.each([
    ["no JWT", "Bearer nonsense"],
    ["another scheme", "Basic YTpi"],
    ["alg none", `Bearer ${btoa('{"alg":"none"}').replaceAll("=", "")}.${btoa('{"sub":"x"}').replaceAll("=", "")}.`],
  ])("T4 refuses %s", async (_, authorization) => {
    expect((await askToken(await putProduct(), authorization)).body["code"]).toBe("identity-invalid");
  });

  it("T4 refuses an identity whose end never comes", async () => {
    const { identity_key: jwk } = JSON.parse(secret("DEMO")) as { identity_key: { kid: string } };
    const id = await putProduct();
    const claims = decodeJwt(await makeIdentity("mallory"));
    const key = await importJWK(jwk as object, "ES256");
    for (const [exp, status] of [
      [String(claims.exp), 201],
      ["1e400", 401],
    ] as const) {
      const text = JSON.stringify(claims).replace(/"exp":\d+/, `"exp":${exp}`);
      const jwt = await new CompactSign(new TextEncoder().encode(text))
        .setProtectedHeader({ alg: "ES256", kid: jwk.kid })
        .sign(key);
      expect((await askToken(id, `Bearer ${jwt}`)).status).toBe(status);
    }
  });

  it("T4 refuses an identity signed with the public key as a shared secret", async () => {
    const { jwks } = JSON.parse(secret("IDENTITY")) as { jwks: { keys: object[] } };
    const confused = await new SignJWT({ sub: "mallory" })
      .setProtectedHeader({ alg: "HS256" })
      .setIssuer("https://demo.shop.example")
      .setAudience("sluice")
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(JSON.stringify(jwks.keys[0])));
    expect((await askToken(await putProduct(), `Bearer ${confused}`)).body["code"]).toBe("identity-invalid");
  });

  it("T5 takes no purchase token for an identity", async () => {
    const id = await putProduct();
    const { token } = await takeToken(id, "bob");
    expect((await askToken(id, `Bearer ${token}`)).body["code"]).toBe("identity-invalid");
  });

  it("T16 does not count a stranger's forgeries against a buyer", async () => {
    const id = await putProduct();
    for (let attempt = 0; attempt < 15; attempt++) {
      await askToken(id, `Bearer ${await makeIdentity("victim", { exp: 1 })}`);
    }
    expect((await call(`/v1/products/${id}/tokens`, { method: "POST", headers: await bearer("victim") })).status).toBe(
      201,
    );
  });

  it("stops one buyer at ten tokens a minute, with a Retry-After that is true", async () => {
    const id = await putProduct();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const headers = await bearer(`limited-${crypto.randomUUID()}`);
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 11; attempt++) {
      statuses.push((await call(`/v1/products/${id}/tokens`, { method: "POST", headers })).status);
    }
    expect(statuses).toEqual([...Array(10).fill(201), 429]);
    const refused = await call(`/v1/products/${id}/tokens`, { method: "POST", headers });
    expect(refused.body["code"]).toBe("rate-limited");
    expect(refused.headers.get("RateLimit-Policy")).toContain('"token-per-buyer";q=10;w=60');
    const wait = Number(refused.headers.get("Retry-After"));
    vi.setSystemTime(Date.now() + (wait - 1) * 1000 - 1);
    expect((await call(`/v1/products/${id}/tokens`, { method: "POST", headers })).status).toBe(429);
    vi.setSystemTime(Date.now() + 1001);
    expect((await call(`/v1/products/${id}/tokens`, { method: "POST", headers })).status).toBe(201);
  });

  it.each([
    ["an unknown key", { hello: 1 }],
    ["no object", []],
  ])("refuses a body with %s", async (_, body) => {
    const id = await putProduct();
    const { Authorization } = await bearer("body");
    expect((await askToken(id, Authorization, body)).body["code"]).toBe("invalid-request");
  });
});

describe("purchase token", () => {
  it("T3 has one spelling only", async () => {
    const id = await putProduct();
    const ticket = await takeToken(id, "speller");
    const [head = "", claims = "", signature = ""] = ticket.token.split(".");
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const last = alphabet.indexOf(signature.at(-1) ?? "");
    const sameBytes = [1, 2, 3].map(
      (bits) => `${head}.${claims}.${signature.slice(0, -1)}${alphabet[last ^ bits] ?? ""}`,
    );
    const others = [
      `${ticket.token}=`,
      ` ${ticket.token}x`,
      `${ticket.token}.`,
      `${head}=.${claims}.${signature}`,
      ticket.token.replace(".", ".."),
    ];
    for (const token of [...sameBytes, ...others]) {
      const answer = await checkOut({ ...ticket, token });
      expect(answer.body["code"]).toBe("token-invalid");
    }
    expect((await checkOut(ticket)).status).toBe(202);
  });

  it.each([
    ["no token", ""],
    ["a huge token", `${"a".repeat(5000)}.b.${"c".repeat(43)}`],
    ["two segments", "a.b"],
  ])("refuses %s", async (_, token) => {
    const ticket = await takeToken(await putProduct(), "shape");
    expect((await checkOut({ ...ticket, token })).body["code"]).toBe("token-invalid");
  });

  it.each([
    ["of another product", { pid: "another" }],
    ["of another gateway", { iss: "other", aud: "other/checkout" }],
    ["without jti", { jti: undefined }],
    ["with an empty jti", { jti: "" }],
    ["with a time of issue that is none", { ims: "now" }],
    ["with a time of issue in parts of a millisecond", { ims: 1_800_000_000_000.5 }],
    ["with a huge jti", { jti: "x".repeat(1000) }],
    ["with a fractional end", { exp: Date.now() / 1000 + 60.5 }],
    ["with a claim of no kind of ours", { admin: true }],
    ["for two audiences", { aud: ["sluice/checkout", "other"] }],
    ["of round 0", { rnd: 0 }],
    ["of half a round", { rnd: 1.5 }],
    ["of no round", { rnd: undefined }],
    ["of a round beyond counting", { rnd: 2 ** 53 }],
    ["whose product is a number", { pid: 7 }],
    ["whose product is no slug", { pid: "Demo" }],
    ["for nobody", { sub: "" }],
    ["for a buyer of endless name", { sub: "b".repeat(257) }],
    ["issued before time began", { iat: -1 }],
    ["whose issue is text", { iat: "1" }],
    ["without an end", { exp: undefined }],
    ["bound to nothing", { cnf: null }],
    ["bound to a list", { cnf: [] }],
    ["bound to a short key", { cnf: { jkt: "short" } }],
    ["bound to a key and more", { cnf: { jkt: "A".repeat(43), more: 1 } }],
  ])("T5 refuses one %s, signed with our own key", async (_, claims) => {
    const ticket = await takeToken(await putProduct(), makeBuyer("diagonal"));
    const answer = await checkOut({ ...ticket, token: await forge(ticket.token, claims) });
    expect(answer.status).toBe(403);
    expect(answer.body["code"]).toBe("token-invalid");
  });

  it.each([
    ["another type", { typ: "JWT" }],
    ["an unknown kid", { kid: "nobody" }],
    ["a jwk of its own", { jwk: { kty: "oct", k: "AAAA" } }],
    ["a jku", { jku: "https://elsewhere.example/jwks" }],
    ["a crit", { crit: ["exp"] }],
  ])("T4 refuses one with %s in the header", async (_, header) => {
    const ticket = await takeToken(await putProduct(), "header");
    let token: string;
    try {
      token = await forge(ticket.token, {}, header);
    } catch {
      const [, claims = "", signature = ""] = ticket.token.split(".");
      const head = new TextEncoder().encode(JSON.stringify({ ...decodeProtectedHeader(ticket.token), ...header }));
      token = `${head.toBase64({ alphabet: "base64url", omitPadding: true })}.${claims}.${signature}`;
    }
    expect((await checkOut({ ...ticket, token })).body["code"]).toBe("token-invalid");
  });

  it("T4 refuses one signed with another key", async () => {
    const ticket = await takeToken(await putProduct(), "forger");
    const token = await forge(ticket.token, {}, {}, crypto.getRandomValues(new Uint8Array(32)));
    expect((await checkOut({ ...ticket, token })).body["code"]).toBe("token-invalid");
  });

  it("ends by the gateway's clock", async () => {
    const ticket = await takeToken(await putProduct(), "slow");
    vi.useFakeTimers({ toFake: ["Date"], now: ticket.expiresAt - 1 });
    const inTime = await checkOut({ ...ticket, token: await forge(ticket.token, { jti: "AAAAAAAAAAAAAAAAAAAAAA" }) });
    expect(inTime.status).toBe(202);
    vi.setSystemTime(ticket.expiresAt);
    expect((await checkOut(ticket)).body["code"]).toBe("token-expired");
  });

  it("T9 leads nowhere without the round's gate", async () => {
    const id = await putProduct();
    const ticket = await takeToken(id, "guesser");
    const gate = ticket.checkoutUrl.split("/").at(-1) ?? "";
    const others = ["A".repeat(gate.length), "€".repeat(gate.length), gate.slice(1), `${gate}A`, gate.toLowerCase()];
    for (const other of others) {
      const checkoutUrl = `/v1/products/${id}/checkout/${encodeURIComponent(other)}`;
      expect((await checkOut({ ...ticket, checkoutUrl })).body["code"]).toBe("gate-invalid");
    }
    expect((await checkOut(ticket)).status).toBe(202);
    const other = await takeToken(await putProduct(), "guesser");
    expect((await checkOut({ ...ticket, checkoutUrl: other.checkoutUrl })).body["code"]).toBe("token-invalid");
  });
});
