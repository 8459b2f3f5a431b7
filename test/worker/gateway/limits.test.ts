/** Limits on the way through the whole gateway: where they stand, whom they count, and when units come back. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { BODY_BYTES_MAX } from "../../../src/body.ts";
import {
  bearer,
  call,
  checkOut,
  gatewayWith,
  makeAddress,
  makeBuyer,
  putProduct,
  takeToken,
} from "../../support/worker/gateway.ts";

const LIMITS = env.LIMITS as { readonly policies: Readonly<Record<string, object>> };

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A policy of this test's own: its counts are nobody else's. */
function exactPolicy(changes: object): object {
  const common = { limit: 1, window_seconds: 60, store: "exact", mode: "enforce", on_failure: "closed" };
  return { ...common, ...changes };
}

/** A gateway with further policies, and all the time that healthy objects may need on a busy machine. */
function gatewayWithPolicies(policies: object, vars: object = {}) {
  const limits = { ...LIMITS, store_timeout_ms: 5000, policies: { ...LIMITS.policies, ...policies } };
  return gatewayWith({ LIMITS: limits, ...vars });
}

/** A namespace with another way to its objects; to the configuration it is the binding that it was. */
function withObjects<Namespace extends object>(namespace: Namespace, getByName: (name: string) => unknown): Namespace {
  return new Proxy(namespace, {
    get: (target, key) => (key === "getByName" ? getByName : Reflect.get(target, key)) as unknown,
  });
}

/** Limiter objects whose calls are counted. */
function countedLimiter() {
  const calls: string[] = [];
  const LIMITER = withObjects(env.LIMITER, (name) => {
    calls.push(name);
    return env.LIMITER.getByName(name);
  });
  return { LIMITER, calls };
}

describe("the limits of a checkout", () => {
  it("T16 T20 count a buyer by his token, once it is proven, and no forged one", async () => {
    const { LIMITER, calls } = countedLimiter();
    const policy = exactPolicy({ at: ["checkout"], key: ["user"] });
    const send = gatewayWithPolicies({ "checkout-per-buyer": policy }, { LIMITER });
    const [id, buyer] = [await putProduct(), makeBuyer()];
    const [one, other] = [await takeToken(id, buyer), await takeToken(id, buyer)];
    const forged = { ...one, token: `${one.token.slice(0, -43)}${"A".repeat(43)}` };
    for (let time = 0; time < 10; time++) {
      expect((await checkOut(forged, 1, send)).body["code"]).toBe("token-invalid");
    }
    expect(calls).toEqual([]);
    const held = await checkOut(one, 1, send);
    expect(held.status).toBe(202);
    expect(held.headers.get("RateLimit")).toContain('"checkout-per-buyer";r=0;');
    expect((await checkOut(other, 1, send)).body["code"]).toBe("rate-limited");
    expect((await checkOut(await takeToken(id, makeBuyer()), 1, send)).status).toBe(202);
  });

  it("T16 let no forged token count against an address, not even in the sieve, and stop a genuine one there", async () => {
    const sieve = { at: ["checkout"], key: ["ip"], limit: 3, window_seconds: 60, store: "isolate", mode: "enforce" };
    const send = gatewayWithPolicies({ "checkout-per-client": sieve });
    const [id, address] = [await putProduct(), makeAddress()];
    const ticket = await takeToken(id, makeBuyer());
    const ask = async (token: string) =>
      send(ticket.checkoutUrl, { headers: { "Purchase-Token": token }, body: { quantity: 1 }, address });
    for (let time = 0; time < 10; time++) {
      const refused = await ask(`${ticket.token.slice(0, -43)}${"A".repeat(43)}`);
      expect([refused.body["code"], refused.headers.get("RateLimit-Policy")]).toEqual(["token-invalid", null]);
    }
    const statuses: number[] = [];
    for (let time = 0; time < 4; time++) statuses.push((await ask(ticket.token)).status);
    expect(statuses).toEqual([202, 200, 200, 429]);
  });

  it("T16 T20 count an address exactly only behind a proven token", async () => {
    const { LIMITER, calls } = countedLimiter();
    const policy = exactPolicy({ at: ["checkout"], key: ["ip"] });
    const send = gatewayWithPolicies({ "checkout-exact": policy }, { LIMITER });
    const [id, address] = [await putProduct(), makeAddress()];
    const ticket = await takeToken(id, makeBuyer());
    const ask = async (token: string) =>
      send(ticket.checkoutUrl, { headers: { "Purchase-Token": token }, body: { quantity: 1 }, address });
    for (let time = 0; time < 10; time++) await ask(`${ticket.token.slice(0, -43)}${"A".repeat(43)}`);
    expect(calls).toEqual([]);
    expect((await ask(ticket.token)).status).toBe(202);
    expect((await ask((await takeToken(id, makeBuyer())).token)).body["code"]).toBe("rate-limited");
  });
});

describe("the limits of a token", () => {
  it("T7 give an address back what a challenge that only risk demands stands for", async () => {
    vi.spyOn(console, "info").mockReturnValue();
    const signals = { "inconsistent-headers": { weight: 60, threshold: 1 } };
    const risk = { ...env.RISK, mode: "enforce", steps: { harder: 50 }, signals };
    const send = gatewayWith({ RISK: risk });
    const [id, address] = [await putProduct(), makeAddress()];
    const ask = async (through: typeof call) =>
      through(`/v1/products/${id}/tokens`, { headers: await bearer(makeBuyer()), body: {}, address });
    for (let time = 0; time < 3; time++) {
      const asked = await ask(send);
      expect(asked.body["code"]).toBe("challenge-required");
      expect(asked.headers.get("RateLimit")).not.toContain("token-per-client");
      expect(asked.headers.get("RateLimit-Policy")).toContain('"token-per-client";q=60;w=60');
    }
    expect((await ask(call)).headers.get("RateLimit")).toContain('"token-per-client";r=59;');
  });
});

/** A gateway that gives each address one token, an address that has had it, and how it is asked for another. */
async function beyondLimit(product: Readonly<Record<string, unknown>> = {}) {
  const { LIMITER, calls } = countedLimiter();
  const policy = exactPolicy({ at: ["token"], key: ["ip"] });
  const send = gatewayWithPolicies({ "token-per-address": policy }, { LIMITER });
  const [id, address] = [await putProduct(), makeAddress()];
  const ask = async (headers: Record<string, string>, { from = address, at = id, body = {} } = {}) =>
    send(`/v1/products/${at}/tokens`, { headers, body, address: from });
  expect((await ask(await bearer(makeBuyer()))).status).toBe(201);
  expect((await ask(await bearer(makeBuyer()))).body["code"]).toBe("rate-limited");
  return { ask, calls, other: await putProduct(product) };
}

describe("an address that is remembered as beyond its limit", () => {
  it("T16 T20 is refused before anybody's signature is checked, without a call, and nobody else is", async () => {
    const { ask, calls } = await beyondLimit();
    const verify = vi.spyOn(crypto.subtle, "verify");
    const before = calls.length;
    const forged = { Authorization: `${(await bearer(makeBuyer())).Authorization.slice(0, -8)}AAAAAAAA` };
    for (const headers of [await bearer(makeBuyer()), forged, {}]) {
      const refused = await ask(headers);
      expect(refused.body["code"]).toBe("rate-limited");
      expect(refused.headers.get("RateLimit")).toMatch(/^"token-per-address";r=0;t=\d+$/);
      expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
    }
    expect([verify.mock.calls.length, calls.length]).toEqual([0, before]);
    expect((await ask(forged, { from: makeAddress() })).body["code"]).toBe("identity-invalid");
    expect((await ask(await bearer(makeBuyer()), { from: makeAddress() })).status).toBe(201);
  });

  it("T20 costs its object one call each two seconds, however many requests come at once", async () => {
    const { ask, calls } = await beyondLimit();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2001 });
    // Somebody else has the product's copy fetched, so that nobody waits for it.
    expect((await ask(await bearer(makeBuyer()), { from: makeAddress() })).status).toBe(201);
    const verify = vi.spyOn(crypto.subtle, "verify");
    const [before, headers] = [calls.length, await bearer(makeBuyer())];
    const asked = await Promise.all(Array.from({ length: 20 }, () => ask(headers)));
    expect(new Set(asked.map(({ body }) => body["code"]))).toEqual(new Set(["rate-limited"]));
    expect(verify.mock.calls.length).toBe(1);
    expect(calls.slice(before).filter((name) => name.startsWith("limiter-ip-"))).toHaveLength(1);
  });

  it("T19 T20 is refused whatever its body is, since nobody looks at it", async () => {
    const { ask } = await beyondLimit();
    const body = " ".repeat(BODY_BYTES_MAX + 1);
    expect((await ask({}, { body })).body["code"]).toBe("rate-limited");
    expect((await ask({}, { body, from: makeAddress() })).body["code"]).toBe("payload-too-large");
  });

  it("T7 gets on where a challenge stands for the address's limit", async () => {
    const { ask, other } = await beyondLimit({ challenges: ["pow"] });
    const asked = await ask(await bearer(makeBuyer()), { at: other });
    expect(asked.body["code"]).toBe("challenge-required");
  });
});

describe("the limits of a read", () => {
  it.each([
    ["overloaded", Object.assign(new Error("busy"), { overloaded: true })],
    ["internal", new Error("a defect")],
  ])("give back what was taken before the product's object, where that ends in %s", async (code, fault) => {
    const policy = exactPolicy({ at: ["read"], key: ["ip"], limit: 3 });
    const [id, address] = [`p-${crypto.randomUUID()}`, makeAddress()];
    const broken = withObjects(env.PRODUCT, () => ({ view: () => Promise.reject(fault) }));
    const ask = async (send: typeof call) => send(`/v1/products/${id}`, { address });
    vi.spyOn(console, "error").mockReturnValue();
    const failing = gatewayWithPolicies({ "read-exact": policy }, { PRODUCT: broken });
    for (let time = 0; time < 5; time++) expect((await ask(failing)).body["code"]).toBe(code);
    const unknown = await ask(gatewayWithPolicies({ "read-exact": policy }));
    expect(unknown.body["code"]).toBe("not-found");
    expect(unknown.headers.get("RateLimit")).toContain('"read-exact";r=2;');
  });
});
