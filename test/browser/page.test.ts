/** The sale page in a real Chromium, against a fake gateway: the states and faults that a real one rarely shows. */
import { describe, expect, test, vi } from "vitest";
import { FAR_FROM_AN_HOUR_MS, HAS_CHROMIUM, HOUR_MS } from "./chromium.ts";
import { useFakeSale } from "./fake-sale.ts";

// Starting a browser takes seconds on a small machine; the page itself waits for pauses that it is told.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 120_000 });

describe.skipIf(!HAS_CHROMIUM)("the sale page", () => {
  const sale = useFakeSale();

  test("T10: before the opening the button is grey, and a forced click sends nothing", async () => {
    const page = await sale.open({ opensAt: Date.now() + HOUR_MS });
    const button = page.locator("#buy");
    expect(await button.isDisabled()).toBe(true);
    expect(await button.getAttribute("aria-disabled")).toBe("true");
    expect(await page.locator("#reason").textContent()).toContain("lights by itself");
    await page.evaluate(`
      const button = document.querySelector("#buy");
      button.disabled = false;
      button.removeAttribute("aria-disabled");
      button.click();
      button.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    `);
    await page.waitForTimeout(300);
    expect(sale.gateway.count("token")).toBe(0);
    expect(await page.locator("#sale").getAttribute("data-phase")).toBe("upcoming");
  });

  test.each([HOUR_MS, -HOUR_MS])(
    "F10: the button lights by the gateway's clock with the browser's %d ms wrong",
    async (clockSkewMs) => {
      const opensAt = Date.now() + 2_500;
      const page = await sale.open({ opensAt }, { clockSkewMs });
      expect(await page.evaluate("Date.now()")).toSatisfy((now: number) => Math.abs(now - Date.now()) > HOUR_MS / 2);
      expect(await page.locator("#buy").isDisabled()).toBe(true);
      await sale.waitForPhase("open");
      const litAfterMs = Date.now() - opensAt;
      expect(litAfterMs).toBeGreaterThanOrEqual(0);
      expect(litAfterMs).toBeLessThan(FAR_FROM_AN_HOUR_MS);
      await page.click("#buy");
      await sale.waitForPhase("held");
    },
  );

  test("F10: the button lights by the gateway's clock when that one is an hour ahead", async () => {
    const opensAt = Date.now() + HOUR_MS + 1_500;
    await sale.open({ opensAt }, { clockAheadMs: HOUR_MS });
    await sale.waitForPhase("open");
    expect(Math.abs(Date.now() + HOUR_MS - opensAt)).toBeLessThan(FAR_FROM_AN_HOUR_MS);
  });

  test("one click: one token, one checkout, and the order is shown and gets the focus", async () => {
    const page = await sale.open();
    await page.click("#buy");
    await sale.waitForPhase("held");
    const orderId = [...sale.gateway.orders.keys()][0] ?? "";
    expect(await page.locator("#order-id").textContent()).toBe(orderId);
    expect(await page.locator("#seconds").isVisible()).toBe(true);
    expect(await page.locator("#order-rows").textContent()).toContain("Received by the shopOn its way");
    expect(await page.evaluate("document.activeElement.id")).toBe("status");
    expect(await page.locator("#announcer").textContent()).toContain("set aside for you");
    expect([sale.gateway.count("token"), sale.gateway.count("checkout")]).toEqual([1, 1]);
  });

  test("T22: a double click is one purchase, and the button is grey meanwhile", async () => {
    const page = await sale.open({ perBuyerLimit: 5 });
    sale.gateway.interfere("token", { delayMs: 400 });
    await page.dblclick("#buy");
    expect(await page.locator("#buy").isDisabled()).toBe(true);
    expect(await page.locator("#buy").getAttribute("aria-busy")).toBe("true");
    await sale.waitForPhase("held");
    expect([sale.gateway.count("token"), sale.gateway.count("checkout"), sale.gateway.orders.size]).toEqual([1, 1, 1]);
  });

  test("F2: a lost answer: the same token is sent again and finds its order", async () => {
    const page = await sale.open();
    sale.gateway.interfere("checkout", { loseAnswer: true });
    await page.click("#buy");
    await sale.waitForPhase("held");
    const tokens = sale.gateway.seen.filter(({ route }) => route === "checkout").map(({ token }) => token);
    expect(tokens.length).toBeGreaterThanOrEqual(2);
    expect(new Set(tokens).size).toBe(1);
    expect(sale.gateway.orders.size).toBe(1);
  });

  test("F2: a page that is closed during the checkout finds its order when it is opened again", async () => {
    const page = await sale.open();
    sale.gateway.interfere("checkout", { delayMs: 60_000 });
    await page.click("#buy");
    await expect.poll(() => sale.gateway.count("checkout")).toBe(1);
    await page.reload();
    await sale.waitForPhase("held");
    expect(sale.gateway.count("token")).toBe(1);
    expect(sale.gateway.orders.size).toBe(1);
  });

  test("an order is still there after a reload", async () => {
    const page = await sale.open();
    await page.click("#buy");
    await sale.waitForPhase("held");
    const orderId = await page.locator("#order-id").textContent();
    await page.reload();
    await sale.waitForPhase("held");
    expect(await page.locator("#order-id").textContent()).toBe(orderId);
  });

  test.each([
    ["paid", "Yes", "Paid. It is yours."],
    ["refund_due", "On its way", "the shop gives the money back."],
    ["expired", "Yes", "went back on sale"],
  ] as const)("an order that becomes %s is told so", async (status, received, words) => {
    const page = await sale.open();
    await page.click("#buy");
    await sale.waitForPhase("held");
    for (const order of sale.gateway.orders.values()) Object.assign(order, { status, delivered: received === "Yes" });
    await sale.waitForPhase(status);
    expect(await page.locator("#status").textContent()).toContain(words);
    expect(await page.locator("#announcer").textContent()).toContain(words);
    expect(await page.locator("#order-rows").textContent()).toContain(`Received by the shop${received}`);
    expect(await page.locator("#cancel").isVisible()).toBe(false);
  });

  test("cancelling asks first, by keyboard too, and gives the unit back", async () => {
    const page = await sale.open();
    await page.click("#buy");
    await sale.waitForPhase("held");
    await page.focus("#cancel");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("cancel-no");
    await page.keyboard.press("Escape");
    expect(sale.gateway.count("cancel")).toBe(0);
    expect(await page.evaluate("document.activeElement.id")).toBe("cancel");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await sale.waitForPhase("cancelled");
    expect(await page.evaluate("document.activeElement.id")).toBe("status");
    expect(await page.locator("#buy").isEnabled()).toBe(true);
  });

  test.each([
    ["paused", "The shop has paused the sale."],
    ["held-out", "Some may come back."],
    ["sold-out", "Nothing is left."],
    ["closed", "The sale is over."],
  ] as const)("%s: told honestly, with a grey button", async (forcedState, words) => {
    const page = await sale.open({ forcedState, perBuyerLimit: 2 });
    expect(await page.locator("#status").textContent()).toContain(words);
    expect(await page.locator("#buy").isDisabled()).toBe(true);
    const over = forcedState === "sold-out" || forcedState === "closed";
    expect(await page.locator("#quantity").isVisible()).toBe(!over);
    expect(await page.locator("#quantity").isDisabled()).toBe(forcedState !== "held-out");
  });

  test("fewer left than asked for: told so, the choice lowered, and the next click buys what is left", async () => {
    const page = await sale.open({ perBuyerLimit: 3 });
    const refusal = { code: "sold-out", status: 410, title: "Sold out", detail: "Fewer are left", available: 1 };
    await page.route("**/checkout/**", (route) => route.fulfill({ status: 410, json: refusal }), { times: 1 });
    await page.selectOption("#quantity", "2");
    await page.click("#buy");
    await page.waitForSelector("#notice:not([hidden])");
    expect(await page.locator("#notice").textContent()).toContain("Only 1 is left: choose fewer.");
    expect(await page.locator("#status").textContent()).toBe("The sale is open.");
    expect(await page.locator("#quantity").isVisible()).toBe(true);
    expect(await page.locator("#quantity option").count()).toBe(1);
    expect(await page.locator("#buy").isEnabled()).toBe(true);
    await page.click("#buy");
    await sale.waitForPhase("held");
    expect([...sale.gateway.orders.values()].map(({ quantity }) => quantity)).toEqual([1]);
  });

  test("a sale that goes on after a pause lights the button without a reload", async () => {
    const page = await sale.open({ forcedState: "paused" });
    sale.gateway.product.forcedState = undefined;
    await sale.waitForPhase("open");
    expect(await page.locator("#buy").isEnabled()).toBe(true);
  });

  test("held out by the answer to a click: told with the time to the next release, and lit again when a unit comes back", async () => {
    const page = await sale.open({ holdSeconds: 90 });
    sale.gateway.product.forcedState = "held-out";
    await page.click("#buy");
    await sale.waitForPhase("held-out");
    expect(await page.locator("#countdown").isVisible()).toBe(true);
    sale.gateway.product.forcedState = undefined;
    await sale.waitForPhase("open");
  });

  test("rate-limited: the true Retry-After is counted down, and the button lights at its end with the focus back on it", async () => {
    const page = await sale.open();
    sale.gateway.interfere("token", { problem: { status: 429, code: "rate-limited", retryAfterSeconds: 3 } });
    await page.click("#buy");
    await page.waitForSelector("#notice:not([hidden])");
    const refusedAt = Date.now();
    expect(await page.locator("#notice").textContent()).toMatch(/That was too often\. Try again in [23] seconds/);
    expect(await page.locator("#buy").isDisabled()).toBe(true);
    await page.waitForSelector("#buy:enabled");
    expect(Date.now() - refusedAt).toBeGreaterThan(2_500);
    expect(sale.gateway.count("token")).toBe(1);
    await page.click("#buy");
    await sale.waitForPhase("held");
  });

  test("overloaded: asks again by itself after Retry-After, with the same token", async () => {
    const page = await sale.open();
    sale.gateway.interfere("checkout", { problem: { status: 503, code: "overloaded", retryAfterSeconds: 1 } });
    await page.click("#buy");
    await sale.waitForPhase("held");
    expect([sale.gateway.count("token"), sale.gateway.count("checkout")]).toEqual([1, 2]);
  });

  test("a gateway that fails at first is told, and the page recovers by itself", async () => {
    const page = await sale.open();
    sale.gateway.interfere("product", { problem: { status: 502, code: "bad-gateway" } });
    await page.reload();
    await sale.waitForPhase("unreachable");
    expect(await page.locator("#status").textContent()).toContain("keeps trying");
    await sale.waitForPhase("open");
    expect(await page.locator("#buy").isEnabled()).toBe(true);
  });

  test("a product that does not exist is told", async () => {
    const page = await sale.open({}, { query: "?product=nothing" });
    expect(await page.locator("#status").textContent()).toContain("no such sale");
    expect(await page.locator("#buy-block").isVisible()).toBe(false);
  });
});
