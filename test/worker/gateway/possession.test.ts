import { env } from "cloudflare:workers";
import { decodeJwt, generateKeyPair, SignJWT } from "jose";
import * as v from "valibot";
import { afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { productResponse } from "../../../src/wire/responses.ts";
import {
  type Answer,
  bearer,
  call,
  checkOut,
  gatewayWith,
  makeBuyer,
  ORIGIN,
  putProduct,
  takeToken,
  type Ticket,
} from "../../support/worker/gateway.ts";
import { athOf, makeProver, type ProofChanges, type Prover } from "../../support/worker/prover.ts";

afterEach(() => {
  vi.useRealTimers();
});

const send = gatewayWith({ TOKEN: { lifetime_seconds: 120, binding: "dpop" } });

let holder: Prover;
beforeAll(async () => {
  holder = await makeProver();
});

async function askToken(id: string, proof?: string, buyer = makeBuyer()): Promise<Answer> {
  const headers = { ...(await bearer(buyer)), ...(proof === undefined ? {} : { DPoP: proof }) };
  return send(`/v1/products/${id}/tokens`, { method: "POST", headers });
}

async function takeBound(id: string, prover = holder): Promise<Ticket> {
  const answer = await askToken(id, await prover.prove(`/v1/products/${id}/tokens`));
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return answer.body as unknown as Ticket;
}

async function pass(ticket: Ticket, proof?: string, quantity = 1): Promise<Answer> {
  return send(ticket.checkoutUrl, {
    headers: { "Purchase-Token": ticket.token, ...(proof === undefined ? {} : { DPoP: proof }) },
    body: { quantity },
  });
}

function base64url(value: unknown): string {
  return new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
}

const NONE_SENT = "no proof was sent";

/** What a refusal says is wrong with the proof. Throws where the answer is not that refusal, whole. */
function faultOf(answer: Answer): string {
  const { status, body, headers } = answer;
  const fault = body["fault"] === undefined ? NONE_SENT : JSON.stringify(body["fault"]);
  const wanted = `DPoP ${fault === NONE_SENT ? "" : 'error="invalid_dpop_proof", '}algs="ES256"`;
  if (status !== 401 || body["code"] !== "proof-required" || headers.get("WWW-Authenticate") !== wanted) {
    throw new Error(`Expected proof-required, found ${status}: ${JSON.stringify(body)}`);
  }
  return fault;
}

const now = (): number => Math.floor(Date.now() / 1000);

/** What is wrong, what of the proof is changed, and what the answer says of it. */
const WRONG: readonly (readonly [string, () => ProofChanges, string])[] = [
  ["for another method", () => ({ claims: { htm: "GET" } }), "htm"],
  ["for a method in small letters", () => ({ claims: { htm: "post" } }), "htm"],
  ["for another path", () => ({ claims: { htu: `${ORIGIN}/v1/products/other/tokens` } }), "htu"],
  ["for another host", () => ({ claims: { htu: "https://elsewhere.test/v1" } }), "htu"],
  ["for a path alone", () => ({ claims: { htu: "/v1/products" } }), "htu"],
  ["that is too old", () => ({ claims: { iat: now() - 62 } }), "too long ago"],
  ["from the future", () => ({ claims: { iat: now() + 12 } }), "has not come"],
  ["without iat", () => ({ claims: { iat: undefined } }), "iat"],
  ["without jti", () => ({ claims: { jti: undefined } }), "jti"],
  ["with a huge jti", () => ({ claims: { jti: "x".repeat(129) } }), "jti"],
  ["that has ended", () => ({ claims: { exp: now() - 1 } }), "verify"],
  ["of another type", () => ({ header: { typ: "JWT" } }), "typ"],
  ["without a type", () => ({ header: { typ: undefined } }), "typ"],
  ["without a key", () => ({ header: { jwk: undefined } }), "jwk"],
  ["with the private key inside", () => ({ header: { jwk: holder.privateJwk } }), "public"],
  ["with a point off the curve", () => ({ header: { jwk: { ...holder.publicJwk, x: "A".repeat(43) } } }), "verify"],
  ["with a crit", () => ({ header: { crit: ["b64"], b64: true } }), "header"],
];

describe("a proof", () => {
  it.each(WRONG)("T6 %s issues no token", async (_, changes, fault) => {
    const id = await putProduct();
    const proof = await holder.prove(`/v1/products/${id}/tokens`, undefined, changes());
    expect(faultOf(await askToken(id, proof))).toContain(fault);
  });

  it.each(WRONG)("T6 %s opens no checkout, and spends nothing", async (_, changes, fault) => {
    const ticket = await takeBound(await putProduct());
    const { checkoutUrl, token } = ticket;
    expect(faultOf(await pass(ticket, await holder.prove(checkoutUrl, token, changes())))).toContain(fault);
    expect((await pass(ticket, await holder.prove(checkoutUrl, token))).status).toBe(202);
  });

  it("T6 with alg none, or signed with the public key as a shared secret, is none", async () => {
    const id = await putProduct();
    const path = `/v1/products/${id}/tokens`;
    const claims = decodeJwt(await holder.prove(path));
    const header = { typ: "dpop+jwt", jwk: holder.publicJwk };
    const unsigned = `${base64url({ ...header, alg: "none" })}.${base64url(claims)}`;
    for (const signature of ["", "A".repeat(86)]) {
      expect((await askToken(id, `${unsigned}.${signature}`)).body["code"]).toBe("proof-required");
    }
    const secret = new TextEncoder().encode(JSON.stringify(holder.publicJwk));
    const confused = await new SignJWT(claims).setProtectedHeader({ ...header, alg: "HS256" }).sign(secret);
    expect((await askToken(id, confused)).body["code"]).toBe("proof-required");
    const symmetric = { ...header, alg: "HS256", jwk: { kty: "oct", k: "A".repeat(43) } };
    expect((await askToken(id, `${base64url(symmetric)}.${base64url(claims)}.${"A".repeat(86)}`)).status).toBe(401);
  });

  it("T6 signed by another key than the one inside is none", async () => {
    const id = await putProduct();
    const { privateKey } = await generateKeyPair("ES256");
    const proof = await holder.prove(`/v1/products/${id}/tokens`, undefined, { key: privateKey });
    expect(faultOf(await askToken(id, proof))).toContain("verify");
  });

  it("T6 in two header fields is none", async () => {
    const id = await putProduct();
    const path = `/v1/products/${id}/tokens`;
    const headers = new Headers(await bearer(makeBuyer()));
    for (const proof of [await holder.prove(path), await holder.prove(path)]) headers.append("DPoP", proof);
    const twice = { method: "POST", headers: Object.fromEntries(headers) };
    expect(faultOf(await send(path, twice))).toContain("one well-formed JWT");
  });

  it("T6 is good once, at the tokens and at the checkout, for whatever buyer", async () => {
    const id = await putProduct();
    const proof = await holder.prove(`/v1/products/${id}/tokens`);
    const first = await askToken(id, proof);
    expect(first.status).toBe(201);
    expect(faultOf(await askToken(id, proof))).toContain("used before");
    const ticket = first.body as unknown as Ticket;
    const atCheckout = await holder.prove(ticket.checkoutUrl, ticket.token);
    expect((await pass(ticket, atCheckout)).status).toBe(202);
    expect(faultOf(await pass(ticket, atCheckout))).toContain("used before");
    expect((await pass(ticket, await holder.prove(ticket.checkoutUrl, ticket.token))).status).toBe(200);
  });

  it("T6 lives a minute, by the gateway's clock", async () => {
    const id = await putProduct();
    vi.useFakeTimers({ toFake: ["Date"], now: Math.ceil(Date.now() / 1000) * 1000 });
    const made = Date.now();
    const proofs = await Promise.all([1, 2].map(() => holder.prove(`/v1/products/${id}/tokens`)));
    vi.setSystemTime(made + 60_000);
    expect((await askToken(id, proofs[0])).status).toBe(201);
    vi.setSystemTime(made + 60_001);
    expect(faultOf(await askToken(id, proofs[1]))).toContain("too long ago");
  });

  it("counts without the query of the call", async () => {
    const id = await putProduct();
    const path = `/v1/products/${id}/tokens`;
    const headers = { ...(await bearer(makeBuyer())), DPoP: await holder.prove(path) };
    expect((await send(`${path}?lang=zh`, { method: "POST", headers })).status).toBe(201);
  });
});

describe("a bound token", () => {
  it("T6 names the key of its holder, and makes his order", async () => {
    const ticket = await takeBound(await putProduct());
    expect(decodeJwt(ticket.token)).toMatchObject({ cnf: { jkt: holder.jkt } });
    expect((await pass(ticket, await holder.prove(ticket.checkoutUrl, ticket.token))).status).toBe(202);
  });

  it("T6 is not issued without a proof", async () => {
    expect(faultOf(await askToken(await putProduct()))).toBe(NONE_SENT);
  });

  it("T6 that was stolen is worth nothing: without a proof, or with one by another key", async () => {
    const ticket = await takeBound(await putProduct());
    const thief = await makeProver();
    expect(faultOf(await pass(ticket))).toBe(NONE_SENT);
    const answer = await pass(ticket, await thief.prove(ticket.checkoutUrl, ticket.token));
    expect([answer.status, answer.body["code"]]).toEqual([403, "token-invalid"]);
    expect((await pass(ticket, await holder.prove(ticket.checkoutUrl, ticket.token))).status).toBe(202);
  });

  it("T6 takes no proof that was made for another token, or for none", async () => {
    const id = await putProduct();
    const [mine, other] = [await takeBound(id), await takeBound(id)];
    expect(faultOf(await pass(mine, await holder.prove(mine.checkoutUrl, other.token)))).toContain("ath");
    expect(faultOf(await pass(mine, await holder.prove(mine.checkoutUrl)))).toContain("ath");
    const path = `/v1/products/${id}/tokens`;
    const withToken = await holder.prove(path, undefined, { claims: { ath: await athOf(mine.token) } });
    expect(faultOf(await askToken(id, withToken))).toContain("ath");
  });

  it("T6 keeps its binding where the gateway does not bind any more, and an unbound one is nothing where it does", async () => {
    const id = await putProduct();
    const bound = await takeBound(id);
    expect((await checkOut(bound)).body["code"]).toBe("proof-required");
    const unbound = await takeToken(id, makeBuyer());
    expect((await pass(unbound)).body["code"]).toBe("token-invalid");
    expect((await checkOut(unbound)).status).toBe(202);
  });

  it("T20 costs no call of the object without its proof", async () => {
    const ticket = await takeBound(await putProduct());
    const calls = vi.spyOn(env.PRODUCT, "getByName");
    await pass(ticket);
    expect(calls).not.toHaveBeenCalled();
    await pass(ticket, await holder.prove(ticket.checkoutUrl, ticket.token));
    expect(calls).toHaveBeenCalledOnce();
    calls.mockRestore();
  });
});

describe("the product's document", () => {
  it("says that tokens are bound, and nothing where they are not", async () => {
    const id = await putProduct();
    expect(v.parse(productResponse, (await send(`/v1/products/${id}`)).body).binding).toBe("dpop");
    expect((await call(`/v1/products/${id}`)).body).not.toHaveProperty("binding");
  });
});
