import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { IdentityConfig } from "../../../src/identity/identity-config.ts";
import { verifyIdentity } from "../../../src/identity/identity.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const pair = await generateKeyPair("ES256", { extractable: true });
const publicJwk = { ...(await exportJWK(pair.publicKey)), kid: "shop-1", alg: "ES256" };

/** A shop of its own per test: jose keeps the keys of each. */
function makeShop(timeoutMs = 200): IdentityConfig {
  return {
    issuer: "https://shop.test",
    audience: "sluice",
    algorithms: ["ES256"],
    keys: { kind: "remote", url: new URL(`https://shop.test/${crypto.randomUUID()}`) },
    timeoutMs,
  };
}

async function makeJwt(kid = "shop-1"): Promise<string> {
  return new SignJWT({ sub: "alice" })
    .setProtectedHeader({ alg: "ES256", kid })
    .setIssuer("https://shop.test")
    .setAudience("sluice")
    .setExpirationTime("1h")
    .sign(pair.privateKey);
}

function answerWith(respond: (signal: AbortSignal | null | undefined) => Promise<Response>) {
  return vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) => respond(init?.signal));
}

describe("the merchant's JWKS", () => {
  it("is fetched once and kept", async () => {
    const shop = makeShop();
    const fetched = answerWith(async () => Response.json({ keys: [publicJwk] }));
    for (let time = 0; time < 5; time++) {
      expect(await verifyIdentity(shop, await makeJwt(), Date.now())).toMatchObject({
        ok: true,
        value: { id: "alice" },
      });
    }
    expect(fetched).toHaveBeenCalledTimes(1);
  });

  it("is not fetched anew for every made-up kid", async () => {
    const shop = makeShop();
    const fetched = answerWith(async () => Response.json({ keys: [publicJwk] }));
    for (let time = 0; time < 5; time++) {
      expect(await verifyIdentity(shop, await makeJwt(`made-up-${time}`), Date.now())).toMatchObject({
        refusal: { code: "identity-invalid" },
      });
    }
    expect(fetched).toHaveBeenCalledTimes(1);
  });

  it.each([
    ["answers 500", async () => new Response("no", { status: 500 })],
    ["answers HTML", async () => new Response("<html>")],
    ["answers no JWKS", async () => Response.json({ hello: 1 })],
    ["cannot be reached", async () => Promise.reject(new TypeError("connection refused"))],
  ])("that %s is a clear refusal, and nobody waits for it again at once", async (_, respond) => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const shop = makeShop();
    const fetched = answerWith(respond);
    const now = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now });
    for (let time = 0; time < 3; time++) {
      expect(await verifyIdentity(shop, await makeJwt(), now)).toMatchObject({ refusal: { code: "overloaded" } });
    }
    expect(fetched).toHaveBeenCalledTimes(1);
    vi.restoreAllMocks();
    answerWith(async () => Response.json({ keys: [publicJwk] }));
    vi.setSystemTime(now + 5000);
    expect(await verifyIdentity(shop, await makeJwt(), now + 5000)).toMatchObject({ ok: true });
  });

  it("T16 that cannot be had keeps nobody out whose key is at hand, whatever kids others make up", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const shop = makeShop();
    const fetched = answerWith(async () => Response.json({ keys: [publicJwk] }));
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    expect(await verifyIdentity(shop, await makeJwt(), Date.now())).toMatchObject({ ok: true });
    fetched.mockImplementation(async () => new Response("no", { status: 500 }));
    // Later than jose asks again for a kid that it does not know, and sooner than what it has is too old.
    vi.setSystemTime(Date.now() + 60_000);
    for (let time = 0; time < 3; time++) {
      const forged = await verifyIdentity(shop, await makeJwt(`made-up-${time}`), Date.now());
      expect(forged).toMatchObject({ refusal: { code: "overloaded" } });
      expect(await verifyIdentity(shop, await makeJwt(), Date.now())).toMatchObject({ ok: true });
    }
    expect(fetched).toHaveBeenCalledTimes(2);
  });

  it("that never answers is given up in time", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const shop = makeShop(50);
    answerWith(
      (signal) =>
        new Promise((_, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason));
        }),
    );
    expect(await verifyIdentity(shop, await makeJwt(), Date.now())).toMatchObject({ refusal: { code: "overloaded" } });
  });
});
