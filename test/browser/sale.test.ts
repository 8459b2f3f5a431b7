/** The main sale, end to end: a real Chromium, the sale page, the real gateway and its Postgres. */
import { Webhook } from "standardwebhooks";
import { describe, expect, test, vi } from "vitest";
import { FAR_FROM_AN_HOUR_MS, HAS_CHROMIUM, HOUR_MS } from "./chromium.ts";
import { type Document, read, useRealSale } from "./real-sale.ts";

// Starting a browser and a gateway takes seconds on a small machine; the page itself waits for pauses that it is told.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 120_000 });

describe.skipIf(!HAS_CHROMIUM)("a sale on the real gateway", () => {
  const sale = useRealSale("browser-sale");
  const { admin, createProduct, open, waitForPhase } = sale;

  /** How often the page sent a call: tokens, or checkouts. */
  function sent(call: "tokens" | "checkout"): number {
    return sale.opened.requests.filter((request) => request.startsWith("POST /v1/") && request.includes(`/${call}`))
      .length;
  }

  async function post(path: string, headers: Readonly<Record<string, string>>, body: object): Promise<Document> {
    const response = await fetch(sale.gateway.url + path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "CF-Connecting-IP": "192.0.2.9", ...headers },
      body: JSON.stringify(body),
    });
    return read(response);
  }

  /** Another buyer, without a browser: holds a unit; returns what gives it back. */
  async function holdAsAnother(product: string): Promise<() => Promise<unknown>> {
    const { token: jwt } = await post("/demo/identity", {}, { buyerId: `other-${product}` });
    const identity = { Authorization: `Bearer ${String(jwt)}` };
    const { token, checkoutUrl } = await post(`/v1/products/${product}/tokens`, identity, {});
    const { statusUrl } = await post(String(checkoutUrl), { "Purchase-Token": String(token) }, { quantity: 1 });
    return () => post(`${String(statusUrl)}/cancel`, identity, {});
  }

  async function pay(product: string, orderId: string): Promise<void> {
    const body = JSON.stringify({ paymentId: `pay-${orderId}` });
    const id = `msg-${orderId}`;
    const at = new Date();
    const response = await fetch(`${sale.gateway.url}/v1/origin/products/${product}/orders/${orderId}/payment`, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
        "webhook-signature": new Webhook(sale.gateway.webhookSecret).sign(id, at, body),
      },
      body,
    });
    expect(response.status).toBe(200);
  }

  test("T10: before the opening the button is grey, and a forced click sends no token request", async () => {
    const page = await open(await createProduct({ opensAt: Date.now() + HOUR_MS, closesAt: Date.now() + 2 * HOUR_MS }));
    expect(await page.locator("#buy").isDisabled()).toBe(true);
    expect(await page.locator("#sale").getAttribute("data-phase")).toBe("upcoming");
    await page.evaluate(`
      const button = document.querySelector("#buy");
      button.disabled = false;
      button.click();
    `);
    await page.waitForTimeout(300);
    expect(sent("tokens")).toBe(0);
  });

  test.each([HOUR_MS, -HOUR_MS])(
    "F10: lights at opensAt with the browser's clock %d ms wrong, and one click holds a unit",
    async (clockSkewMs) => {
      const opensAt = Date.now() + 3_000;
      const product = await createProduct({ opensAt });
      const page = await open(product, { clockSkewMs });
      expect(await page.locator("#buy").isDisabled()).toBe(true);
      await waitForPhase("open");
      const litAfterMs = Date.now() - opensAt;
      expect(litAfterMs).toBeGreaterThanOrEqual(0);
      expect(litAfterMs).toBeLessThan(FAR_FROM_AN_HOUR_MS);
      await page.click("#buy");
      await waitForPhase("held");
      expect(await page.locator("#order-id").textContent()).toMatch(/^[\w-]{20,}$/);
      expect([sent("tokens"), sent("checkout")]).toEqual([1, 1]);
      expect(await admin("GET", product)).toMatchObject({ held: 1, available: 2 });
    },
  );

  test("T22: a double click is one request and one unit", async () => {
    const product = await createProduct({ perBuyerLimit: 3 });
    const page = await open(product);
    await page.dblclick("#buy");
    await waitForPhase("held");
    expect([sent("tokens"), sent("checkout")]).toEqual([1, 1]);
    expect(await admin("GET", product)).toMatchObject({ held: 1 });
  });

  test("hold, payment, delivery: the page follows to the end", async () => {
    const product = await createProduct();
    const page = await open(product);
    await page.click("#buy");
    await waitForPhase("held");
    await pay(product, (await page.locator("#order-id").textContent()) ?? "");
    await waitForPhase("paid");
    await expect
      .poll(() => page.locator("#order-rows").textContent(), { timeout: 15_000 })
      .toContain("Received by the shopYes");
    expect(await admin("GET", product)).toMatchObject({ paid: 1, held: 0 });
  });

  test("a cancelled hold is buyable again at once", async () => {
    const product = await createProduct({ stock: 1 });
    const page = await open(product);
    await page.click("#buy");
    await waitForPhase("held");
    await page.click("#cancel");
    await page.click("#cancel-yes");
    await waitForPhase("cancelled");
    expect(await admin("GET", product)).toMatchObject({ available: 1, held: 0 });
    await page.waitForSelector("#buy:enabled");
    await page.click("#buy");
    await waitForPhase("held");
  });

  test("held out is told apart from sold out, and the button lights when a unit comes back", async () => {
    const product = await createProduct({ stock: 1 });
    const giveBack = await holdAsAnother(product);
    const page = await open(product);
    await waitForPhase("held-out");
    expect(await page.locator("#buy").isDisabled()).toBe(true);
    await giveBack();
    await waitForPhase("open");
    await page.click("#buy");
    await waitForPhase("held");
  });

  test("sold out: told, with a grey button, and nothing is sent", async () => {
    const product = await createProduct({ stock: 1 });
    await admin("POST", `${product}/stock`, { delta: -1 });
    const page = await open(product);
    await waitForPhase("sold-out");
    expect(await page.locator("#buy").isDisabled()).toBe(true);
    expect(sent("tokens")).toBe(0);
  });

  test("a pause and its end reach an open page", async () => {
    const product = await createProduct();
    const page = await open(product);
    await admin("POST", `${product}/pause`);
    await waitForPhase("paused");
    await admin("POST", `${product}/resume`);
    await waitForPhase("open");
    expect(await page.locator("#buy").isEnabled()).toBe(true);
  });

  test("buys on a phone", async () => {
    const product = await createProduct();
    const page = await open(product, {
      viewport: { width: 360, height: 640 },
      hasTouch: true,
      isMobile: true,
      locale: "zh-CN",
    });
    await page.tap("#buy");
    await waitForPhase("held");
    expect(await page.locator("#badge").textContent()).toBe("已为您预占");
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
  });

  test("every static answer carries the content security policy", async () => {
    const { url } = sale.gateway;
    await open("none");
    for (const path of ["/", "/sale.js", "/style.css"]) {
      const { headers, status } = await fetch(url + path);
      expect(status).toBe(200);
      expect(headers.get("content-security-policy")).toContain("default-src 'none'; script-src 'self'");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
    }
  });
});
