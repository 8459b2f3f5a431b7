/** Bound purchase tokens, end to end: a real Chromium, the sale page, the real gateway with `binding = "dpop"`. */
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from "jose";
import type { Request } from "playwright-core";
import { describe, expect, test, vi } from "vitest";
import { HAS_CHROMIUM, HOUR_MS, type OpenPageOptions } from "./chromium.ts";
import { useRealSale } from "./real-sale.ts";

vi.setConfig({ testTimeout: 30_000, hookTimeout: 120_000 });

function proofOf(request: Request): string {
  const proof = request.headers()["dpop"];
  if (proof === undefined) throw new Error(`Expected a DPoP header at ${request.url()}, found none`);
  return proof;
}

async function thumbprintOf(request: Request): Promise<string> {
  return calculateJwkThumbprint(decodeProtectedHeader(proofOf(request)).jwk ?? {});
}

describe.skipIf(!HAS_CHROMIUM)("a sale with bound tokens", () => {
  const sale = useRealSale("browser-possession", () => ({
    TOKEN: JSON.stringify({ lifetime_seconds: 120, binding: "dpop" }),
  }));

  /** Opens the page of a product of its own. */
  async function openNew(options: OpenPageOptions = {}): Promise<void> {
    await sale.open(await sale.createProduct(), options);
    await sale.waitForPhase("open");
  }

  /** Clicks, and hands over the two calls that the page sends. */
  async function buy(): Promise<{ readonly tokens: Request; readonly checkout: Request }> {
    const { page } = sale.opened;
    const [tokens, checkout] = await Promise.all([
      page.waitForRequest((request) => request.url().includes("/tokens")),
      page.waitForRequest((request) => request.url().includes("/checkout/")),
      page.click("#buy"),
    ]);
    await sale.waitForPhase("held");
    return { tokens, checkout };
  }

  test("T6: one click holds a unit, and what a thief could copy of it is worth nothing", async () => {
    await openNew();
    const { tokens, checkout } = await buy();
    const token = checkout.headers()["purchase-token"] ?? "";
    expect(decodeJwt(token)).toMatchObject({ cnf: { jkt: await thumbprintOf(tokens) } });
    expect(await thumbprintOf(checkout)).toBe(await thumbprintOf(tokens));
    // No request is sent in vain: the page knew it from the product's document.
    expect(sale.opened.requests.filter((request) => request.includes("/tokens"))).toHaveLength(1);

    const steal = async (proof?: string): Promise<readonly [number, unknown]> => {
      const answer = await fetch(checkout.url(), {
        method: "POST",
        headers: { "Purchase-Token": token, ...(proof === undefined ? {} : { DPoP: proof }) },
        body: '{"quantity":1}',
      });
      const { code }: { readonly code?: unknown } = JSON.parse(await answer.text());
      return [answer.status, code];
    };
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const ownProof = await new SignJWT({ ...decodeJwt(proofOf(checkout)), jti: crypto.randomUUID() })
      .setProtectedHeader({ typ: "dpop+jwt", alg: "ES256", jwk: await exportJWK(publicKey) })
      .sign(privateKey);
    expect(await steal()).toEqual([401, "proof-required"]);
    expect(await steal(ownProof)).toEqual([403, "token-invalid"]);
    expect(await steal(proofOf(checkout))).toEqual([401, "proof-required"]);
  });

  test("T6: the key outlives a reload, and nobody takes it out of the browser", async () => {
    await openNew();
    const before = await thumbprintOf((await buy()).tokens);
    expect(await sale.opened.page.evaluate(EXPORT_STORED_KEY)).toBe("InvalidAccessError");

    await sale.opened.page.goto(`${sale.gateway.url}/?product=${await sale.createProduct()}`);
    await sale.waitForPhase("open");
    expect(await thumbprintOf((await buy()).tokens)).toBe(before);
  });

  test("F10: the proofs go by the gateway's clock with the browser's an hour wrong", async () => {
    await openNew({ clockSkewMs: HOUR_MS });
    const { iat = 0 } = decodeJwt(proofOf((await buy()).checkout));
    expect(Math.abs(iat * 1000 - Date.now())).toBeLessThan(30_000);
  });
});

/** Tries to take the stored private key out; gives the name of the error. Text: it runs in the page. */
const EXPORT_STORED_KEY = `new Promise((resolve, reject) => {
  const opening = indexedDB.open("sluice");
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const reading = opening.result.transaction("keys").objectStore("keys").get("possession");
    reading.onsuccess = () =>
      crypto.subtle.exportKey("jwk", reading.result.privateKey).then(() => resolve("exported"), (fault) => resolve(fault.name));
  };
})`;
