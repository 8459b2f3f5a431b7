/** One decision over all policies of a place: a request that is refused, or fails for our own reasons, takes nothing. */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Policy } from "../../../src/limits/policy.ts";
import {
  fakeLimiter,
  fieldsOf,
  fits,
  gatewayOf,
  PER_BUYER,
  PER_CLIENT,
  refusal,
  START,
  unique,
} from "./limited-gateway.ts";

/** Counted for the product alone, and so in another object than what is counted for clients. */
const PER_PRODUCT: Policy = { ...PER_CLIENT, name: "per-product", key: ["product"], limit: 1, burst: 1 };
const SIEVE: Policy = { ...PER_CLIENT, name: "sieve", store: { kind: "isolate" } };
/** A sieve that needs a proven buyer, and so stands with the counts. */
const BUYERS_SIEVE: Policy = { ...SIEVE, name: "buyers-sieve", key: ["user"] };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
  vi.spyOn(console, "warn").mockReturnValue();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("limitBy() over several policies", () => {
  it("takes nothing of any object when one refuses", async () => {
    const { token } = gatewayOf([PER_CLIENT, PER_PRODUCT]);
    const product = unique("product");
    const client = unique("client");
    expect((await token(client, undefined, product)).status).toBe(201);
    for (let request = 0; request < 5; request += 1) {
      expect(fieldsOf(await token(client, undefined, product))).toMatchObject({ status: 429 });
    }
    const free = await token(client, undefined, unique("product"));
    expect(fieldsOf(free)).toMatchObject({ status: 201, rateLimit: '"per-client";r=1;t=60, "per-product";r=0;t=60' });
  });

  it("tells of the others what is left when nothing was taken of them", async () => {
    const { token } = gatewayOf([PER_CLIENT, PER_PRODUCT]);
    const product = unique("product");
    await token(unique("client"), undefined, product);
    expect(fieldsOf(await token(unique("client"), undefined, product)).rateLimit).toContain('"per-client";r=3;');
  });

  it("gives a sieve of the same place back what an exact count refuses", async () => {
    const { token } = gatewayOf([BUYERS_SIEVE, PER_PRODUCT]);
    const product = unique("product");
    const buyer = unique("buyer");
    await token(unique("client"), buyer, product);
    for (let request = 0; request < 5; request += 1) {
      vi.setSystemTime(Date.now() + 2000);
      expect((await token(unique("client"), buyer, product)).headers.get("RateLimit")).toContain('"per-product"');
    }
  });

  it("T20 lets a sieve before the signature count attempts, so that no identity is verified without end", async () => {
    const { token } = gatewayOf([SIEVE, PER_BUYER]);
    const [client, buyer] = [unique("client"), unique("buyer")];
    const told: (string | null)[] = [];
    for (let request = 0; request < 4; request += 1) told.push((await token(client, buyer)).headers.get("RateLimit"));
    expect(told).toEqual(['"per-buyer";r=1;t=60', '"per-buyer";r=0;t=60', '"per-buyer";r=0;t=60', '"sieve";r=0']);
  });

  it("T16 takes nothing of an address whose buyer is refused, and nothing of a buyer whose address is", async () => {
    const { token } = gatewayOf([PER_CLIENT, PER_BUYER]);
    const [campus, greedy] = [unique("client"), unique("buyer")];
    for (let request = 0; request < 2; request += 1) await token(unique("client"), greedy);
    for (let request = 0; request < 5; request += 1) {
      vi.setSystemTime(Date.now() + 2000);
      expect((await token(campus, greedy)).status).toBe(429);
    }
    expect((await token(campus)).headers.get("RateLimit")).toContain('"per-client";r=2;');
    for (let request = 0; request < 2; request += 1) await token(campus);
    const guest = unique("buyer");
    for (let request = 0; request < 5; request += 1) {
      vi.setSystemTime(Date.now() + 2000);
      expect((await token(campus, guest)).status).toBe(429);
    }
    expect((await token(unique("client"), guest)).headers.get("RateLimit")).toContain('"per-buyer";r=1;');
  });

  it("asks the objects of address and buyer at the same time", async () => {
    const both = Promise.withResolvers<void>();
    const { LIMITER, calls } = fakeLimiter(async (checks) => {
      if (calls.length === 2) both.resolve();
      await both.promise;
      return fits(checks);
    });
    const { token } = gatewayOf([PER_CLIENT, PER_BUYER], { bindings: { LIMITER } });
    expect((await token(unique("client"))).status).toBe(201);
    expect(calls).toHaveLength(2);
  });

  it("gives back what was taken where another policy's store fails closed", async () => {
    const broken = { getByName: () => ({ take: () => Promise.reject(new Error("gone")) }) };
    const LIMITER = {
      getByName: (name: string) =>
        name.includes("product") && down ? broken.getByName() : env.LIMITER.getByName(name),
    };
    let down = true;
    const { token } = gatewayOf([PER_CLIENT, PER_PRODUCT], { bindings: { LIMITER } });
    const client = unique("client");
    for (let request = 0; request < 5; request += 1) {
      expect((await token(client, undefined, unique("product"))).status).toBe(503);
    }
    down = false;
    expect((await token(client, undefined, unique("product"))).headers.get("RateLimit")).toContain('"per-client";r=2;');
  });

  it("gives back nothing that was not taken, and nothing twice", async () => {
    const { LIMITER, givenBack } = fakeLimiter(async (checks) =>
      checks.some(({ policy }) => policy === "per-product") ? refusal(checks, 1000) : fits(checks),
    );
    const { token } = gatewayOf([PER_CLIENT, PER_PRODUCT], { bindings: { LIMITER } });
    await token("a");
    expect(givenBack).toEqual(["per-client"]);
    // Remembered: no store is asked.
    await token("a");
    expect(givenBack).toEqual(["per-client"]);
  });
});

describe("limitBy() when the request fails behind it", () => {
  it.each([500, 503, "throws"] as const)("gives back what was taken on %s, of both stages", async (fails) => {
    const { token, state } = gatewayOf([PER_CLIENT, PER_BUYER]);
    const client = unique("client");
    const buyer = unique("buyer");
    state.fails = fails;
    for (let request = 0; request < 5; request += 1) {
      expect((await token(client, buyer)).status).toBe(fails === "throws" ? 500 : fails);
    }
    delete state.fails;
    expect(fieldsOf(await token(client, buyer))).toMatchObject({
      status: 201,
      rateLimit: '"per-client";r=2;t=60, "per-buyer";r=1;t=60',
    });
  });

  it("keeps what was taken where the request itself was wrong", async () => {
    const { token, state } = gatewayOf([PER_CLIENT]);
    const client = unique("client");
    state.fails = 403;
    await token(client);
    delete state.fails;
    expect((await token(client)).headers.get("RateLimit")).toBe('"per-client";r=1;t=60');
  });

  it("does not refuse from memory what came back meanwhile", async () => {
    const { token, state } = gatewayOf([{ ...PER_CLIENT, limit: 1, burst: 1 }]);
    const client = unique("client");
    const { promise, resolve } = Promise.withResolvers<void>();
    state.fails = 503;
    state.waits = promise;
    const failing = token(client);
    await vi.waitFor(() => expect(state.passed).toBe(1));
    expect((await token(client)).status).toBe(429);
    resolve();
    expect((await failing).status).toBe(503);
    delete state.fails;
    delete state.waits;
    expect((await token(client)).status).toBe(201);
  });
});

describe("limitBy() where everybody has a challenge to solve", () => {
  const known = { product: { opensAt: START, challenges: ["pow"] } };

  it("T7 counts buyers, and neither counts nor tells nor remembers their address", async () => {
    const { LIMITER, calls } = fakeLimiter(async (checks) => fits(checks));
    const { token, state } = gatewayOf([PER_CLIENT, PER_BUYER], { bindings: { LIMITER } });
    state.known = known;
    expect(fieldsOf(await token(unique("client")))).toMatchObject({
      status: 201,
      rateLimit: '"per-buyer";r=1;t=1',
      rateLimitPolicy: '"per-buyer";q=2;w=60',
    });
    expect(calls.map((call) => call.split(": ")[1])).toEqual(["per-buyer"]);
  });

  it("T7 lets a full address through, and counts it again for a product that asks for nothing", async () => {
    const { token, state } = gatewayOf([PER_CLIENT, PER_BUYER]);
    const client = unique("client");
    for (let request = 0; request < 3; request += 1) await token(client);
    expect((await token(client)).status).toBe(429);
    state.known = known;
    for (let request = 0; request < 10; request += 1) expect((await token(client)).status).toBe(201);
    delete state.known;
    expect((await token(client)).status).toBe(429);
  });

  it("T7 still counts what is no address, sieves, and an address together with its buyer", async () => {
    const perPair: Policy = { ...PER_CLIENT, name: "per-pair", key: ["ip", "user"] };
    const { token, state } = gatewayOf([{ ...SIEVE, limit: 30, burst: 30 }, PER_CLIENT, perPair, PER_PRODUCT]);
    state.known = known;
    const product = unique("product");
    expect((await token(unique("client"), undefined, product)).headers.get("RateLimit-Policy")).toBe(
      '"sieve";q=30;w=60, "per-pair";q=3;w=60, "per-product";q=1;w=60',
    );
    expect((await token(unique("client"), undefined, product)).status).toBe(429);
  });
});

describe("limitBy() where a request turns out to have a challenge to solve", () => {
  it("T7 gives its address back what was taken, tells nothing of it, and keeps the buyer's unit", async () => {
    const { token, state } = gatewayOf([SIEVE, PER_CLIENT, PER_BUYER]);
    const [client, buyer] = [unique("client"), unique("buyer")];
    state.known = { countsAlone: true };
    state.fails = 403;
    expect(fieldsOf(await token(client, buyer))).toMatchObject({
      status: 403,
      rateLimit: '"per-buyer";r=1;t=60',
      rateLimitPolicy: '"sieve";q=3;w=60, "per-client";q=3;w=60, "per-buyer";q=2;w=60',
    });
    for (let request = 0; request < 10; request += 1) expect((await token(client)).status).toBe(403);
    delete state.known;
    delete state.fails;
    expect((await token(client, buyer)).headers.get("RateLimit")).toBe('"per-client";r=2;t=60, "per-buyer";r=0;t=60');
  });
});

describe("limitBy() by weight", () => {
  const weighted: Policy = { ...PER_CLIENT, limit: 10, burst: 10, cost: { read: 1, token: 4, checkout: 1 } };

  it("takes the call's cost, and tells in calls", async () => {
    const { token } = gatewayOf([weighted]);
    const client = unique("client");
    const responses = [await token(client), await token(client), await token(client)];
    expect(responses.map(fieldsOf)).toMatchObject([
      { status: 201, rateLimit: '"per-client";r=1;t=60', rateLimitPolicy: '"per-client";q=2;w=60' },
      { status: 201, rateLimit: '"per-client";r=0;t=60' },
      { status: 429, retryAfter: "60" },
    ]);
  });

  it("does not refuse from memory a cheaper call that fits", async () => {
    const both: Policy = { ...weighted, at: ["token", "read"] };
    const { token, read } = gatewayOf([both]);
    const client = unique("client");
    await token(client);
    await token(client);
    expect((await token(client)).status).toBe(429);
    expect((await read(client)).status).toBe(200);
    expect((await read(client)).status).toBe(200);
    expect((await read(client)).status).toBe(429);
  });
});

describe("limitBy() with keys of the connection", () => {
  it("counts by country, network and fingerprint, and shares one count where they are not known", async () => {
    const policy: Policy = {
      ...PER_CLIENT,
      name: unique("by"),
      key: ["country", "asn", "fingerprint"],
      limit: 1,
      burst: 1,
    };
    const { token } = gatewayOf([policy]);
    const status = async (cf?: unknown) => (await token(unique("client"), undefined, "demo", cf)).status;
    const cf = { country: "CN", asn: 4134, botManagement: { ja4: "t13d" } };
    expect(await status(cf)).toBe(201);
    expect(await status(cf)).toBe(429);
    expect(await status({ ...cf, asn: 4135 })).toBe(201);
    expect(await status({ ...cf, botManagement: { ja4: "t13e" } })).toBe(201);
    expect(await status()).toBe(201);
    expect(await status({})).toBe(429);
    expect(await status({ country: null })).toBe(429);
  });

  it("T14 counts a wider prefix as one client", async () => {
    const { token } = gatewayOf([{ ...PER_CLIENT, limit: 1, burst: 1 }], { limits: { ipv6Prefix: 56 } });
    expect((await token("2001:db8:9:ff00::/64")).status).toBe(201);
    expect((await token("2001:db8:9:ff01::/64")).status).toBe(429);
    expect((await token("2001:db8:9:fe00::/64")).status).toBe(201);
  });
});

describe("limitBy() and the start of a round", () => {
  it("applies the limit of the phase, and says it", async () => {
    const phased: Policy = { ...PER_CLIENT, phases: { before: { limit: 1 }, start: { limit: 2, seconds: 30 } } };
    const { token, state } = gatewayOf([phased]);
    state.known = { product: { opensAt: START + 60_000, challenges: [] } };
    const policyAt = async (now: number) => {
      vi.setSystemTime(now);
      return (await token(unique("client"))).headers.get("RateLimit-Policy");
    };
    expect(await policyAt(START + 59_999)).toBe('"per-client";q=1;w=60');
    expect(await policyAt(START + 60_000)).toBe('"per-client";q=2;w=60');
    expect(await policyAt(START + 90_000)).toBe('"per-client";q=3;w=60');
    delete state.known;
    expect(await policyAt(START)).toBe('"per-client";q=3;w=60');
  });

  it("counts on from phase to phase", async () => {
    const phased: Policy = { ...PER_CLIENT, phases: { before: { limit: 1 } } };
    const { token, state } = gatewayOf([phased]);
    state.known = { product: { opensAt: START + 1000, challenges: [] } };
    const client = unique("client");
    expect((await token(client)).status).toBe(201);
    expect((await token(client)).status).toBe(429);
    vi.setSystemTime(START + 1000);
    expect((await token(client)).headers.get("RateLimit")).toBe('"per-client";r=1;t=59');
  });
});

describe("limitBy() and the operator's overrides", () => {
  it("obeys at once, and until they expire, without a memory of the old limit", async () => {
    const { token, state } = gatewayOf([{ ...PER_CLIENT, limit: 1, burst: 1 }]);
    const client = unique("client");
    expect((await token(client)).status).toBe(201);
    expect((await token(client)).status).toBe(429);
    const overrides = new Map([["per-client", { limit: 2, expiresAt: START + 1000 }]]);
    state.known = { control: { overrides } };
    expect(fieldsOf(await token(client))).toMatchObject({ status: 201, rateLimitPolicy: '"per-client";q=2;w=60' });
    expect((await token(client)).status).toBe(429);
    vi.setSystemTime(START + 1000);
    expect(fieldsOf(await token(client))).toMatchObject({ status: 429, rateLimitPolicy: '"per-client";q=1;w=60' });
  });

  it("switches policies off, to shadow, and on", async () => {
    const one = { ...PER_CLIENT, limit: 1, burst: 1 };
    const { token, state } = gatewayOf([one, { ...one, name: "idle", mode: "off" }]);
    const client = unique("client");
    const expiresAt = START + 60_000;
    await token(client);
    for (const mode of ["off", "shadow"] as const) {
      state.known = { control: { overrides: new Map([["per-client", { mode, expiresAt }]]) } };
      expect(fieldsOf(await token(client))).toMatchObject({ status: 201, rateLimitPolicy: null });
    }
    state.known = { control: { overrides: new Map([["idle", { mode: "enforce", expiresAt }]]) } };
    expect((await token(unique("client"))).headers.get("RateLimit-Policy")).toBe(
      '"per-client";q=1;w=60, "idle";q=1;w=60',
    );
  });
});
