/** The limits' stage in a small app: what a client is told, and which stores are asked. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Policy } from "../../../src/limits/policy.ts";
import {
  codeOf,
  fakeLimiter,
  fieldsOf,
  fits,
  gatewayOf,
  lines,
  PER_BUYER,
  PER_CLIENT,
  refusal,
  SIEVE,
  START,
  unique,
} from "./limited-gateway.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("limitBy() with exact policies", () => {
  it("lets the limit through, and then refuses with a true Retry-After", async () => {
    const { token, state } = gatewayOf([PER_CLIENT]);
    const client = unique("client");
    const first = await token(client);
    expect(fieldsOf(first)).toEqual({
      status: 201,
      retryAfter: null,
      rateLimit: '"per-client";r=2;t=60',
      rateLimitPolicy: '"per-client";q=3;w=60',
    });
    vi.setSystemTime(START + 500);
    await token(client);
    await token(client);
    const refused = await token(client);
    expect(fieldsOf(refused)).toEqual({
      status: 429,
      retryAfter: "60",
      rateLimit: '"per-client";r=0;t=60',
      rateLimitPolicy: '"per-client";q=3;w=60',
    });
    expect(refused.headers.get("Content-Type")).toBe("application/problem+json");
    expect(await codeOf(refused)).toBe("rate-limited");
    expect(state.passed).toBe(3);
    vi.setSystemTime(START + 500 + 60_000);
    expect((await token(client)).status).toBe(201);
  });

  it("names the policies of both stages in one field each, sieves before counts", async () => {
    const { token } = gatewayOf([PER_CLIENT, PER_BUYER, { ...SIEVE, store: { kind: "isolate" } }]);
    expect(fieldsOf(await token(unique("client")))).toMatchObject({
      rateLimit: '"per-client";r=2;t=60, "per-buyer";r=1;t=60',
      rateLimitPolicy: '"sieve";q=300;w=10, "per-client";q=3;w=60, "per-buyer";q=2;w=60',
    });
  });

  it("keeps both stages' fields on a refusal by the second, which takes nothing", async () => {
    const { token } = gatewayOf([PER_CLIENT, PER_BUYER, { ...SIEVE, store: { kind: "isolate" } }]);
    const buyer = unique("buyer");
    const responses = [await token("a", buyer), await token("b", buyer), await token("c", buyer)];
    expect(fieldsOf(responses[2] ?? new Response())).toEqual({
      status: 429,
      retryAfter: "60",
      rateLimit: '"per-client";r=3;t=60, "per-buyer";r=0;t=60',
      rateLimitPolicy: '"sieve";q=300;w=10, "per-client";q=3;w=60, "per-buyer";q=2;w=60',
    });
  });

  it("T16 leaves a buyer's quota alone where the client is refused", async () => {
    const { token } = gatewayOf([PER_CLIENT, PER_BUYER]);
    const client = unique("client");
    const victim = unique("buyer");
    for (let request = 0; request < 3; request += 1) await token(client);
    for (let request = 0; request < 5; request += 1) expect((await token(client, victim)).status).toBe(429);
    expect((await token(unique("client"), victim)).headers.get("RateLimit")).toContain('"per-buyer";r=1;');
  });

  it("counts keys of several parts apart, and all of one owner in one decision", async () => {
    const perProduct: Policy = {
      ...PER_CLIENT,
      name: "per-client-and-product",
      key: ["ip", "product"],
      limit: 1,
      burst: 1,
    };
    const { token } = gatewayOf([PER_CLIENT, perProduct]);
    const client = unique("client");
    expect((await token(client, undefined, "one")).status).toBe(201);
    // Refused by the one, so that nothing is taken of the other.
    for (let request = 0; request < 5; request += 1) {
      expect((await token(client, undefined, "one")).status).toBe(429);
    }
    expect((await token(client, undefined, "two")).status).toBe(201);
    expect((await token(client, undefined, "three")).headers.get("RateLimit")).toContain('"per-client";r=0;');
  });

  it("applies only the policies of its call that are not off", async () => {
    const { LIMITER, calls } = fakeLimiter(async (checks) => fits(checks));
    const { read, token } = gatewayOf([{ ...PER_CLIENT, name: "off", mode: "off" }, PER_CLIENT], {
      bindings: { LIMITER },
    });
    expect(fieldsOf(await token("a"))).toMatchObject({ status: 201, rateLimitPolicy: '"per-client";q=3;w=60' });
    expect(fieldsOf(await read("a"))).toMatchObject({ status: 200, rateLimitPolicy: null });
    expect(calls.map((call) => call.split(": ")[1])).toEqual(["per-client"]);
  });

  it("hides every field when quiet, on either outcome", async () => {
    const { token } = gatewayOf([{ ...PER_CLIENT, limit: 1, burst: 1 }], { limits: { verbosity: "quiet" } });
    const client = unique("client");
    expect(fieldsOf(await token(client))).toEqual({
      status: 201,
      retryAfter: null,
      rateLimit: null,
      rateLimitPolicy: null,
    });
    const refused = await token(client);
    expect(fieldsOf(refused)).toEqual({ status: 429, retryAfter: "60", rateLimit: null, rateLimitPolicy: null });
    expect(JSON.stringify(await refused.json())).not.toContain("per-client");
  });

  it("counts what a shadow would have refused, and refuses nothing", async () => {
    const log = vi.spyOn(console, "info").mockReturnValue();
    const trial = { ...PER_CLIENT, name: "trial", limit: 1, burst: 1, mode: "shadow" } as const;
    const { token } = gatewayOf([PER_CLIENT, trial]);
    const client = unique("client");
    const responses = [await token(client), await token(client), await token(client)];
    expect(responses.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(fieldsOf(responses[2] ?? new Response())).toMatchObject({
      rateLimit: '"per-client";r=0;t=60',
      rateLimitPolicy: '"per-client";q=3;w=60',
    });
    expect(lines(log)).toEqual([]);
    vi.setSystemTime(START + 10_000);
    expect((await token(client)).status).toBe(429);
    const line = { level: "info", event: "limit-report", seconds: 10 };
    expect(lines(log)).toEqual([
      { ...line, policy: "per-client", passed: 3, refused: 1, wouldRefuse: 0, nearLimit: 1 },
      // The last request is refused by the other policy: what the shadow says of it counts as well.
      { ...line, policy: "trial", passed: 1, refused: 0, wouldRefuse: 3, nearLimit: 1 },
    ]);
  });
});

describe("limitBy() and the isolate's memory", () => {
  it("spares the store while a refusal is remembered, and asks again when the request may fit", async () => {
    const { LIMITER, calls } = fakeLimiter(async (checks) => refusal(checks, 1500));
    const { token } = gatewayOf([PER_CLIENT], { bindings: { LIMITER } });
    expect(fieldsOf(await token("a")).retryAfter).toBe("2");
    vi.setSystemTime(START + 1400);
    expect(fieldsOf(await token("a"))).toMatchObject({
      status: 429,
      retryAfter: "1",
      rateLimit: '"per-client";r=0;t=1',
    });
    expect(calls).toHaveLength(1);
    await token("b");
    expect(calls).toHaveLength(2);
    vi.setSystemTime(START + 1500);
    await token("a");
    expect(calls).toHaveLength(3);
  });

  it("tells a Retry-After that allows for the way to the store", async () => {
    const { LIMITER, calls } = fakeLimiter(async (checks) => {
      vi.setSystemTime(START + 40);
      return refusal(checks, 1990);
    });
    const { token } = gatewayOf([PER_CLIENT], { bindings: { LIMITER } });
    await token("a");
    // One second leads to START + 1995: too early if the store decided at START + 40.
    vi.setSystemTime(START + 995);
    expect(fieldsOf(await token("a")).retryAfter).toBe("2");
    expect(calls).toHaveLength(1);
    // The store may have decided at START: from here on the request may fit.
    vi.setSystemTime(START + 1990);
    await token("a");
    expect(calls).toHaveLength(2);
  });

  it("forgets with the configuration", async () => {
    const { token, state } = gatewayOf([{ ...PER_CLIENT, limit: 1, burst: 1 }]);
    const client = unique("client");
    await token(client);
    expect((await token(client)).status).toBe(429);
    state.config = { ...state.config, policies: [{ ...PER_CLIENT, limit: 2, burst: 2 }] };
    expect((await token(client)).status).toBe(201);
  });
});

/** A binding that does as told; `keys` has the key of every call. */
function sieve(limit: (options: { key: string }) => unknown) {
  const keys: string[] = [];
  const SIEVE_BINDING = {
    limit: async (options: { key: string }) => {
      keys.push(options.key);
      return limit(options);
    },
  };
  return { SIEVE: SIEVE_BINDING, keys };
}

describe("limitBy() with native policies", () => {
  it("asks the real binding", async () => {
    const native = { ...SIEVE, store: { kind: "native", binding: "SIEVE_READ" } } as const;
    const { token } = gatewayOf([native]);
    expect(fieldsOf(await token(unique("client")))).toEqual({
      status: 201,
      retryAfter: null,
      rateLimit: null,
      rateLimitPolicy: '"sieve";q=300;w=10',
    });
  });

  it("refuses for the whole period, the only time that is sure, and spares the exact store", async () => {
    const { SIEVE: binding } = sieve(() => ({ success: false }));
    const { LIMITER, calls } = fakeLimiter(async (checks) => fits(checks));
    const { token } = gatewayOf([PER_CLIENT, SIEVE], { bindings: { SIEVE: binding, LIMITER } });
    expect(fieldsOf(await token("a"))).toEqual({
      status: 429,
      retryAfter: "10",
      rateLimit: '"sieve";r=0',
      rateLimitPolicy: '"sieve";q=300;w=10',
    });
    expect(calls).toEqual([]);
  });

  it("keeps policies that share a binding apart", async () => {
    const { SIEVE: binding, keys } = sieve(() => ({ success: true }));
    const { token } = gatewayOf([SIEVE, { ...SIEVE, name: "other" }], { bindings: { SIEVE: binding } });
    await token("a");
    expect(keys).toEqual(["sieve i1:a", "other i1:a"]);
  });
});

describe("limitBy() and addresses", () => {
  it("T14 counts what the edge calls one client as one, and T13 nothing that the client says", async () => {
    const { token } = gatewayOf([PER_CLIENT]);
    const client = "2001:db8:1:2::/64";
    const responses = await Promise.all(Array.from({ length: 10 }, () => token(client)));
    expect(responses.filter(({ status }) => status === 201)).toHaveLength(3);
  });
});
