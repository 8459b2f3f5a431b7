/** Accounts of an address are counted in the call that its limits make anyway, and are the same count where there is none. */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LimiterApi, TakeCheck } from "../../../durable-objects/limiter/protocol.ts";
import { COUNT_KEPT_MS } from "../../../src/risk/account-memory.ts";
import { bearer, gatewayWith, makeAddress, makeBuyer, makeIdentity, putProduct } from "../../support/worker/gateway.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  vi.spyOn(console, "info").mockReturnValue();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** More than two accounts at an address, or more than 500 at a fingerprint, and there is no token. */
const RISK = {
  mode: "enforce",
  window_seconds: 600,
  delay_ms: 0,
  steps: { deny: 100 },
  signals: {
    "accounts-per-address": { weight: 100, threshold: 2 },
    "accounts-per-fingerprint": { weight: 100, threshold: 500 },
  },
  eligibility: { min_account_age_days: 0, min_level: 0, verified: [] },
  claims: { created_at: "created", level: "level", verified: "verified" },
};

const MARK = "risk.account-at-address";
const COUNT = "risk.accounts-at-address";

/** A gateway whose calls to limiter objects are noted: `limiter-ip: token-per-client ...`. `down`: kinds of objects that fail. */
function watchedGateway(vars: Readonly<Record<string, unknown>> = {}) {
  const calls: string[] = [];
  const down = new Set<string>();
  // A proxy: the configuration takes nothing else for a binding.
  const LIMITER = new Proxy(env.LIMITER, {
    get(target, key) {
      if (key !== "getByName") return Reflect.get(target, key) as unknown;
      return (name: string) => {
        const stub = target.getByName(name) as unknown as LimiterApi;
        const kind = name.replace(/-\d+$/, "");
        return {
          take(checks: readonly TakeCheck[]) {
            calls.push(`${kind}: ${checks.map(({ policy }) => policy).join(" ")}`);
            return down.has(kind) ? Promise.reject(new Error("down")) : stub.take(checks);
          },
          giveBack: (taken: Parameters<LimiterApi["giveBack"]>[0]) => stub.giveBack(taken),
        };
      };
    },
  });
  const send = gatewayWith({ RISK, LIMITER, ...vars });
  async function ask(productId: string, address: string, buyerId = makeBuyer()) {
    return send(`/v1/products/${productId}/tokens`, { headers: await bearer(buyerId), body: {}, address });
  }
  return { calls, down, send, ask };
}

describe("accounts of an address", () => {
  it("cost a token no call of their own: one for the address, one for the buyer", async () => {
    const { calls, ask } = watchedGateway();
    const id = await putProduct();
    expect((await ask(id, makeAddress())).status).toBe(201);
    expect(calls.toSorted()).toEqual([
      `limiter-ip: token-per-client ${MARK} ${COUNT}`,
      "limiter-user: token-per-buyer",
    ]);
  });

  it("T16 cost a token one call for everything where one object counts for all, and its refusals take nothing", async () => {
    const { calls, ask } = watchedGateway({ LIMITS: { ...env.LIMITS, shards: 1, memory_entries: 0 } });
    const id = await putProduct();
    const [address, buyer] = [makeAddress(), makeBuyer()];
    expect((await ask(id, address, buyer)).status).toBe(201);
    expect(calls).toEqual([`limiter: token-per-client token-per-buyer ${MARK} ${COUNT}`]);
    for (let time = 1; time < 10; time++) await ask(id, makeAddress(), buyer);
    const before = calls.length;
    for (let time = 0; time < 3; time++) expect((await ask(id, address, buyer)).status).toBe(429);
    expect(calls).toHaveLength(before + 3);
    expect((await ask(id, address)).headers.get("RateLimit")).toContain('"token-per-client";r=58;');
  });

  it("T15 are asked for once by a buyer who asks again within seconds, and once at a fingerprint", async () => {
    const { calls, send } = watchedGateway();
    const id = await putProduct();
    const headers = { Authorization: `Bearer ${await makeIdentity(makeBuyer())}` };
    const address = makeAddress();
    const ask = async () => (await send(`/v1/products/${id}/tokens`, { headers, body: {}, address })).status;
    expect([await ask(), await ask(), await ask()]).toEqual([201, 201, 201]);
    expect(calls.filter((call) => call.includes(COUNT))).toHaveLength(1);
    vi.setSystemTime(Date.now() + COUNT_KEPT_MS);
    expect(await ask()).toBe(201);
    expect(calls.filter((call) => call.includes(COUNT))).toHaveLength(2);
  });

  it("T7 are one count, whether the address's limits are asked or give way to a challenge", async () => {
    const { calls, ask } = watchedGateway();
    const [plain, challenged] = [await putProduct(), await putProduct({ challenges: ["pow"] })];
    const address = makeAddress();
    expect((await ask(plain, address)).status).toBe(201);
    expect((await ask(challenged, address)).body["code"]).toBe("challenge-required");
    expect(calls.at(-1)).toBe(`limiter-ip: ${MARK} ${COUNT}`);
    expect((await ask(plain, address)).body["code"]).toBe("not-eligible");
    expect((await ask(challenged, address)).body["code"]).toBe("not-eligible");
  });

  it("T7 count a buyer once, also when he comes many times at once", async () => {
    const { ask } = watchedGateway();
    const id = await putProduct();
    const address = makeAddress();
    const buyer = makeBuyer();
    const statuses = await Promise.all(Array.from({ length: 8 }, async () => (await ask(id, address, buyer)).status));
    expect(statuses).toEqual(Array.from({ length: 8 }, () => 201));
    expect((await ask(id, address)).status).toBe(201);
    expect((await ask(id, address)).status).toBe(403);
  });

  it("are not those whom the address's limit refuses", async () => {
    const policies = {
      "token-per-client": {
        at: ["token"],
        key: ["ip"],
        limit: 1,
        window_seconds: 60,
        store: "exact",
        mode: "enforce",
        on_failure: "closed",
      },
    };
    const limits = { verbosity: "full", shards: 4, store_timeout_ms: 1000, memory_entries: 0 };
    const strict = watchedGateway({ LIMITS: { ...limits, policies } });
    // The same objects, as many of them, without a limit for addresses.
    const lenient = watchedGateway({ LIMITS: { ...limits, policies: {} } });
    const id = await putProduct();
    const address = makeAddress();
    expect((await strict.ask(id, address)).status).toBe(201);
    for (let time = 0; time < 5; time++) expect((await strict.ask(id, address)).status).toBe(429);
    expect((await lenient.ask(id, address)).status).toBe(201);
    expect((await lenient.ask(id, address)).status).toBe(403);
  });

  it("are not asked of whom the sale is not open to", async () => {
    const eligibility = { ...RISK.eligibility, min_level: 5 };
    const { calls, ask } = watchedGateway({ RISK: { ...RISK, eligibility } });
    expect((await ask(await putProduct(), makeAddress())).body["code"]).toBe("not-eligible");
    expect(calls).toHaveLength(2);
    expect(calls.join()).not.toContain(COUNT);
  });

  it("F9 are unknown where the address's object fails: the policy's rule decides, and nobody asks again", async () => {
    const warn = vi.spyOn(console, "warn").mockReturnValue();
    const { calls, down, ask } = watchedGateway();
    const id = await putProduct();
    down.add("limiter-ip");
    const address = makeAddress();
    for (let buyer = 0; buyer < 4; buyer++) expect((await ask(id, address)).status).toBe(201);
    expect(calls.filter((call) => call.startsWith("limiter-ip"))).toHaveLength(4);
    const events = warn.mock.calls.map(([line]) => (JSON.parse(String(line)) as { event: string }).event);
    expect(events.filter((event) => event === "risk-signal-missing")).toHaveLength(4);
    expect(events.filter((event) => event === "limit-store-failed")).toHaveLength(4);
  });
});
