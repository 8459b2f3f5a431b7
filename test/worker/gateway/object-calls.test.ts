import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { STAGE_LABELS } from "../../../bench/ours/stage-labels.ts";
import { app } from "../../../src/app.ts";
import {
  bearer,
  call,
  checkOut,
  makeAddress,
  makeBuyer,
  makeIdentity,
  operator,
  pay,
  putProduct,
  takeToken,
} from "../../support/worker/gateway.ts";

// The edge refreshes its copies by the clock: it stands still unless a test moves it.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
});

afterEach(() => {
  vi.useRealTimers();
});

/** The gateway with its objects counted: how many calls of which object a request causes. */
function countCalls() {
  const calls: string[] = [];
  function counted<Namespace extends object>(namespace: Namespace, name: string): Namespace {
    return new Proxy(namespace, {
      get(target, key) {
        if (key === "getByName") calls.push(name);
        const value: unknown = Reflect.get(target, key);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
  const watched = { ...env, PRODUCT: counted(env.PRODUCT, "product"), LIMITER: counted(env.LIMITER, "limiter") };
  const context = { waitUntil: (work: Promise<unknown>) => void work, passThroughOnException() {}, props: {} };
  async function send(path: string, headers: Record<string, string>, body?: unknown) {
    const method = body === undefined ? "GET" : "POST";
    const init = {
      method,
      headers: { "CF-Connecting-IP": makeAddress(), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    const response = await app.request(path, init, watched, context);
    return { status: response.status, headers: response.headers, body: await response.json<Record<string, unknown>>() };
  }
  return { calls, send };
}

describe("promise 8: a refused request costs no object call", () => {
  it("before the opening, with any token and any gate", async () => {
    const id = await putProduct({ opensAt: Date.now() + 60_000 });
    const { calls, send } = countCalls();
    await send(`/v1/products/${id}`, {});
    expect(calls).toEqual(["product"]);
    for (let time = 0; time < 20; time++) {
      expect((await send(`/v1/products/${id}/tokens`, await bearer("x"), {})).body["code"]).toBe("too-early");
      expect(
        (await send(`/v1/products/${id}/checkout/guess`, { "Purchase-Token": "x" }, { quantity: 1 })).body["code"],
      ).toBe("too-early");
    }
    expect(calls).toEqual(["product"]);
  });

  it("T20 with forged, malformed and foreign tokens", async () => {
    const id = await putProduct();
    const ticket = await takeToken(id, makeBuyer());
    const [head = "", claims = ""] = ticket.token.split(".");
    const forged = `${head}.${claims}.${"A".repeat(43)}`;
    const { calls, send } = countCalls();
    await send(`/v1/products/${id}`, {});
    const before = calls.length;
    for (const token of [forged, "nonsense", "a.b.c", "x".repeat(5000), await makeIdentity("x")]) {
      const answer = await send(ticket.checkoutUrl, { "Purchase-Token": token }, { quantity: 1 });
      expect(answer.body["code"]).toBe("token-invalid");
    }
    expect(
      (await send(`/v1/products/${id}/checkout/wrong`, { "Purchase-Token": ticket.token }, { quantity: 1 })).body[
        "code"
      ],
    ).toBe("gate-invalid");
    expect(calls.length).toBe(before);
  });

  it("when everything is sold or held, save for a token that has an order", async () => {
    const id = await putProduct({ stock: 1 });
    const [winner, loser] = [await takeToken(id, makeBuyer()), await takeToken(id, makeBuyer())];
    const held = await checkOut(winner);
    const { calls, send } = countCalls();
    vi.setSystemTime(Date.now() + 1500);
    await send(`/v1/products/${id}`, {});
    const before = calls.length;
    expect((await send(loser.checkoutUrl, { "Purchase-Token": loser.token }, { quantity: 1 })).body["code"]).toBe(
      "held-out",
    );
    expect((await send(`/v1/products/${id}/tokens`, await bearer(makeBuyer()), {})).body["code"]).toBe("held-out");
    expect(calls.length).toBe(before);
    expect((await send(winner.checkoutUrl, { "Purchase-Token": winner.token }, { quantity: 1 })).status).toBe(200);
    expect(calls.length).toBe(before + 1);
    await pay(id, String(held.body["orderId"]), "pay-1");
    await send(`/v1/products/${id}`, {});
    const after = calls.length;
    expect((await send(loser.checkoutUrl, { "Purchase-Token": loser.token }, { quantity: 1 })).body["code"]).toBe(
      "sold-out",
    );
    expect(calls.length).toBe(after);
  });

  it("T16 T20 without an identity, or with a bad one, and the address's count is not touched", async () => {
    const id = await putProduct();
    const { calls, send } = countCalls();
    const address = { "CF-Connecting-IP": makeAddress() };
    await send(`/v1/products/${id}`, {});
    const forged = `${(await makeIdentity("mallory")).slice(0, -86)}${"A".repeat(86)}`;
    const flood = [
      undefined,
      "Bearer nonsense",
      `Bearer ${forged}`,
      `Bearer ${await makeIdentity("late", { exp: 1 })}`,
    ];
    for (let round = 0; round < 25; round++) {
      for (const Authorization of flood) {
        const headers = Authorization === undefined ? address : { ...address, Authorization };
        expect((await send(`/v1/products/${id}/tokens`, headers, {})).status).toBe(401);
      }
    }
    expect(calls).toEqual(["product"]);
    const honest = await send(`/v1/products/${id}/tokens`, { ...address, ...(await bearer(makeBuyer())) }, {});
    expect(honest.status).toBe(201);
    expect(honest.headers.get("RateLimit")).toContain('"token-per-client";r=59;');
  });

  it("T20 beyond the sieve, with any identity", async () => {
    const id = await putProduct();
    const { calls, send } = countCalls();
    const address = { "CF-Connecting-IP": makeAddress() };
    await send(`/v1/products/${id}`, {});
    const codes = new Set<unknown>();
    for (let time = 0; time < 500; time++)
      codes.add((await send(`/v1/products/${id}/tokens`, address, {})).body["code"]);
    expect([...codes]).toEqual(["identity-required"]);
    const answer = await send(`/v1/products/${id}/tokens`, { ...address, ...(await bearer(makeBuyer())) }, {});
    expect(answer.body["code"]).toBe("rate-limited");
    expect(answer.headers.get("RateLimit-Policy")).toBe('"token-sieve";q=500;w=10');
    expect(calls).toEqual(["product"]);
  });

  it("T18 an operator's route asks nobody before the operator is proven", async () => {
    const { calls, send } = countCalls();
    await send("/v1/admin/products/x/close", {}, {});
    await send("/v1/origin/products/x/orders/y/payment", {}, { paymentId: "1" });
    expect(calls).toEqual([]);
    await send("/v1/admin/products/x/pause", { ...operator() }, {});
    expect(calls).toEqual(["product"]);
  });
});

describe("T9 the steps", () => {
  it("lead to an order in their one order only", async () => {
    const id = await putProduct();
    const guessed = `/v1/products/${id}/checkout/${"A".repeat(22)}`;
    const withoutToken = await call(guessed, { body: { quantity: 1 } });
    expect(withoutToken.body["code"]).toBe("gate-invalid");
    const ticket = await takeToken(id, makeBuyer());
    expect((await call(ticket.checkoutUrl, { body: { quantity: 1 } })).body["code"]).toBe("token-invalid");
    expect(
      (await call(guessed, { headers: { "Purchase-Token": ticket.token }, body: { quantity: 1 } })).body["code"],
    ).toBe("gate-invalid");
    expect((await checkOut(ticket)).status).toBe(202);
  });
});

it.each([
  ["token", "/v1/products/:id/tokens"],
  ["checkout", "/v1/products/:id/checkout/:gate"],
] as const)("the bench has a name for every stage of the %s's way", (route, path) => {
  const way: unknown = app.routes.find((each) => each.path === path && each.method === "POST")?.handler;
  expect(way).toHaveProperty("stages.length", STAGE_LABELS[route].length);
});
