/** Limits around the start of a round, through the gateway: reads are counted before it too, and the phase is the product's own. */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { gatewayWith, putProduct } from "../../support/worker/gateway.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
});

afterEach(() => {
  vi.useRealTimers();
});

const PHASED = {
  at: ["read"],
  key: ["ip"],
  limit: 9,
  window_seconds: 60,
  store: "isolate",
  mode: "enforce",
  phases: { before: { limit: 6 }, start: { limit: 7, seconds: 30 }, after: { limit: 8 } },
};

const send = gatewayWith({ LIMITS: { ...env.LIMITS, policies: { phased: PHASED } } });

async function policyAt(productId: string, now: number): Promise<string | null> {
  vi.setSystemTime(now);
  const answer = await send(`/v1/products/${productId}/orders/none`);
  expect(answer.body["code"]).toBe("identity-required");
  return answer.headers.get("RateLimit-Policy");
}

describe("a policy with phases, at a read", () => {
  it("has the limit of the phase, by what the isolate knows of the product", async () => {
    const opensAt = Date.now() + 60_000;
    const id = await putProduct({ opensAt });
    // Nobody asked for it here: the isolate does not know when it opens.
    expect(await policyAt(id, opensAt - 1)).toBe('"phased";q=9;w=60');
    await send(`/v1/products/${id}`);
    expect(await policyAt(id, opensAt - 1)).toBe('"phased";q=6;w=60');
    expect(await policyAt(id, opensAt)).toBe('"phased";q=7;w=60');
    expect(await policyAt(id, opensAt + 30_000)).toBe('"phased";q=8;w=60');
  });

  it("goes by a copy that is too old to answer from, too", async () => {
    const opensAt = Date.now() + 60_000;
    const id = await putProduct({ opensAt });
    const readAt = async (now: number) => {
      vi.setSystemTime(now);
      return (await send(`/v1/products/${id}`)).headers.get("RateLimit-Policy");
    };
    expect(await readAt(opensAt - 30_000)).toBe('"phased";q=9;w=60');
    expect(await readAt(opensAt - 1)).toBe('"phased";q=6;w=60');
    expect(await readAt(opensAt + 29_999)).toBe('"phased";q=7;w=60');
  });
});
