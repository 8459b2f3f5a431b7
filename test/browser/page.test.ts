/** The sale page in a real Chromium, against a fake gateway: the states and faults that a real one rarely shows. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Browser } from "playwright-core";
import { type FakeGateway, type FakeProduct, startFakeGateway } from "../support/node/fake-gateway.ts";
import {
  buildScripts,
  HAS_CHROMIUM,
  launchChromium,
  openPage,
  type OpenPage,
  type OpenPageOptions,
} from "./chromium.ts";

const HOUR_MS = 3_600_000;

// Starting a browser takes seconds on a small machine; the page itself waits for pauses that it is told.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 120_000 });

describe.skipIf(!HAS_CHROMIUM)("the sale page", () => {
  let browser: Browser;
  let scripts: Awaited<ReturnType<typeof buildScripts>>;
  let gateway: FakeGateway;
  let opened: OpenPage;

  beforeAll(async () => {
    [browser, scripts] = await Promise.all([launchChromium(), buildScripts()]);
  });
  afterAll(async () => {
    await browser.close();
    await scripts.remove();
  });
  afterEach(async () => {
    const { complaints } = opened;
    await opened.context.close();
    await gateway.stop();
    if (complaints.length > 0)
      throw new Error(`The page must run without complaints, and had: ${complaints.join("; ")}`);
  });

  async function open(
    product: Partial<FakeProduct> = {},
    options: OpenPageOptions & { readonly query?: string; readonly clockAheadMs?: number } = {},
  ): Promise<OpenPage["page"]> {
    const { query = "", clockAheadMs = 0, ...pageOptions } = options;
    gateway = await startFakeGateway({ scripts: scripts.directory, product, clockAheadMs });
    opened = await openPage(browser, `${gateway.url}/${query}`, pageOptions);
    await opened.page.waitForSelector("#sale:not([data-phase=loading])");
    return opened.page;
  }

  async function waitForPhase(phase: string): Promise<void> {
    await opened.page.waitForSelector(`#sale[data-phase="${phase}"]`);
  }

  test("T10: before the opening the button is grey, and a forced click sends nothing", async () => {
    const page = await open({ opensAt: Date.now() + HOUR_MS });
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
    expect(gateway.count("token")).toBe(0);
    expect(await page.locator("#sale").getAttribute("data-phase")).toBe("upcoming");
  });

  test.each([HOUR_MS, -HOUR_MS])(
    "F10: the button lights by the gateway's clock with the browser's %d ms wrong",
    async (clockSkewMs) => {
      const opensAt = Date.now() + 2_500;
      const page = await open({ opensAt }, { clockSkewMs });
      expect(await page.evaluate("Date.now()")).toSatisfy((now: number) => Math.abs(now - Date.now()) > HOUR_MS / 2);
      expect(await page.locator("#buy").isDisabled()).toBe(true);
      await waitForPhase("open");
      const litAfterMs = Date.now() - opensAt;
      expect(litAfterMs).toBeGreaterThanOrEqual(0);
      expect(litAfterMs).toBeLessThan(1_000);
      await page.click("#buy");
      await waitForPhase("held");
    },
  );

  test("F10: the button lights by the gateway's clock when that one is an hour ahead", async () => {
    const opensAt = Date.now() + HOUR_MS + 1_500;
    await open({ opensAt }, { clockAheadMs: HOUR_MS });
    await waitForPhase("open");
    expect(Math.abs(Date.now() + HOUR_MS - opensAt)).toBeLessThan(1_000);
  });

  test("one click: one token, one checkout, and the order is shown and gets the focus", async () => {
    const page = await open();
    await page.click("#buy");
    await waitForPhase("held");
    const orderId = [...gateway.orders.keys()][0] ?? "";
    expect(await page.locator("#order-id").textContent()).toBe(orderId);
    expect(await page.locator("#seconds").isVisible()).toBe(true);
    expect(await page.locator("#order-rows").textContent()).toContain("Received by the shopOn its way");
    expect(await page.evaluate("document.activeElement.id")).toBe("status");
    expect(await page.locator("#announcer").textContent()).toContain("set aside for you");
    expect([gateway.count("token"), gateway.count("checkout")]).toEqual([1, 1]);
  });

  test("T22: a double click is one purchase, and the button is grey meanwhile", async () => {
    const page = await open({ perBuyerLimit: 5 });
    gateway.interfere("token", { delayMs: 400 });
    await page.dblclick("#buy");
    expect(await page.locator("#buy").isDisabled()).toBe(true);
    expect(await page.locator("#buy").getAttribute("aria-busy")).toBe("true");
    await waitForPhase("held");
    expect([gateway.count("token"), gateway.count("checkout"), gateway.orders.size]).toEqual([1, 1, 1]);
  });

  test("F2: a lost answer: the same token is sent again and finds its order", async () => {
    const page = await open();
    gateway.interfere("checkout", { loseAnswer: true });
    await page.click("#buy");
    await waitForPhase("held");
    const tokens = gateway.seen.filter(({ route }) => route === "checkout").map(({ token }) => token);
    expect(tokens.length).toBeGreaterThanOrEqual(2);
    expect(new Set(tokens).size).toBe(1);
    expect(gateway.orders.size).toBe(1);
  });

  test("F2: a page that is closed during the checkout finds its order when it is opened again", async () => {
    const page = await open();
    gateway.interfere("checkout", { delayMs: 60_000 });
    await page.click("#buy");
    await expect.poll(() => gateway.count("checkout")).toBe(1);
    await page.reload();
    await waitForPhase("held");
    expect(gateway.count("token")).toBe(1);
    expect(gateway.orders.size).toBe(1);
  });

  test("an order is still there after a reload", async () => {
    const page = await open();
    await page.click("#buy");
    await waitForPhase("held");
    const orderId = await page.locator("#order-id").textContent();
    await page.reload();
    await waitForPhase("held");
    expect(await page.locator("#order-id").textContent()).toBe(orderId);
  });

  test.each([
    ["paid", "Yes", "Paid. It is yours."],
    ["refund_due", "On its way", "the shop gives the money back."],
    ["expired", "Yes", "went back on sale"],
  ] as const)("an order that becomes %s is told so", async (status, received, words) => {
    const page = await open();
    await page.click("#buy");
    await waitForPhase("held");
    for (const order of gateway.orders.values()) Object.assign(order, { status, delivered: received === "Yes" });
    await waitForPhase(status);
    expect(await page.locator("#status").textContent()).toContain(words);
    expect(await page.locator("#announcer").textContent()).toContain(words);
    expect(await page.locator("#order-rows").textContent()).toContain(`Received by the shop${received}`);
    expect(await page.locator("#cancel").isVisible()).toBe(false);
  });

  test("cancelling asks first, by keyboard too, and gives the unit back", async () => {
    const page = await open();
    await page.click("#buy");
    await waitForPhase("held");
    await page.focus("#cancel");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("cancel-no");
    await page.keyboard.press("Escape");
    expect(gateway.count("cancel")).toBe(0);
    expect(await page.evaluate("document.activeElement.id")).toBe("cancel");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await waitForPhase("cancelled");
    expect(await page.evaluate("document.activeElement.id")).toBe("status");
    expect(await page.locator("#buy").isEnabled()).toBe(true);
  });

  test.each([
    ["paused", "The shop has paused the sale."],
    ["held-out", "Some may come back."],
    ["sold-out", "Nothing is left."],
    ["closed", "The sale is over."],
  ] as const)("%s: told honestly, with a grey button", async (forcedState, words) => {
    const page = await open({ forcedState, perBuyerLimit: 2 });
    expect(await page.locator("#status").textContent()).toContain(words);
    expect(await page.locator("#buy").isDisabled()).toBe(true);
    expect(await page.locator("#quantity").isDisabled()).toBe(forcedState !== "held-out");
  });

  test("fewer left than asked for: told so, the choice lowered, and the next click buys what is left", async () => {
    const page = await open({ perBuyerLimit: 3 });
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
    await waitForPhase("held");
    expect([...gateway.orders.values()].map(({ quantity }) => quantity)).toEqual([1]);
  });

  test("a sale that goes on after a pause lights the button without a reload", async () => {
    const page = await open({ forcedState: "paused" });
    gateway.product.forcedState = undefined;
    await waitForPhase("open");
    expect(await page.locator("#buy").isEnabled()).toBe(true);
  });

  test("held out by the answer to a click: told with the time to the next release, and lit again when a unit comes back", async () => {
    const page = await open({ holdSeconds: 90 });
    gateway.product.forcedState = "held-out";
    await page.click("#buy");
    await waitForPhase("held-out");
    expect(await page.locator("#countdown").isVisible()).toBe(true);
    gateway.product.forcedState = undefined;
    await waitForPhase("open");
  });

  test("rate-limited: the true Retry-After is counted down, and the button lights at its end with the focus back on it", async () => {
    const page = await open();
    gateway.interfere("token", { problem: { status: 429, code: "rate-limited", retryAfterSeconds: 3 } });
    await page.click("#buy");
    await page.waitForSelector("#notice:not([hidden])");
    const refusedAt = Date.now();
    expect(await page.locator("#notice").textContent()).toMatch(/That was too often\. Try again in [23] seconds/);
    expect(await page.locator("#buy").isDisabled()).toBe(true);
    await page.waitForSelector("#buy:enabled");
    expect(Date.now() - refusedAt).toBeGreaterThan(2_500);
    expect(gateway.count("token")).toBe(1);
    await page.click("#buy");
    await waitForPhase("held");
  });

  test("overloaded: asks again by itself after Retry-After, with the same token", async () => {
    const page = await open();
    gateway.interfere("checkout", { problem: { status: 503, code: "overloaded", retryAfterSeconds: 1 } });
    await page.click("#buy");
    await waitForPhase("held");
    expect([gateway.count("token"), gateway.count("checkout")]).toEqual([1, 2]);
  });

  test("a gateway that fails at first is told, and the page recovers by itself", async () => {
    const page = await open();
    gateway.interfere("product", { problem: { status: 502, code: "bad-gateway" } });
    await page.reload();
    await waitForPhase("unreachable");
    expect(await page.locator("#status").textContent()).toContain("keeps trying");
    await waitForPhase("open");
    expect(await page.locator("#buy").isEnabled()).toBe(true);
  });

  test("Chinese by ?lang and by the switch, which keeps the page's state and address", async () => {
    const page = await open({}, { query: "?lang=zh" });
    expect(await page.locator("html").getAttribute("lang")).toBe("zh-CN");
    expect(await page.locator("#buy").textContent()).toBe("立即抢购");
    await page.click("text=English");
    expect(await page.locator("#buy").textContent()).toBe("Buy now");
    expect(page.url()).toContain("lang=en");
    expect(await page.locator("[data-language=en]").getAttribute("aria-pressed")).toBe("true");
  });

  test("Chinese by the browser's languages", async () => {
    const page = await open({}, { locale: "zh-CN" });
    expect(await page.locator("#badge").textContent()).toBe("正在抢购");
  });

  test.each(["en", "zh"])("fits a phone of 360 px, with targets that a thumb can hit (%s)", async (lang) => {
    const options = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true };
    const page = await open(
      { title: "An uncommonly long name for a lamp: Trailfinder-Superlight-Edition" },
      { ...options, query: `?lang=${lang}` },
    );
    const buy = await page.locator("#buy").boundingBox();
    expect(buy?.height).toBeGreaterThanOrEqual(44);
    await page.tap("#buy");
    await waitForPhase("held");
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    expect((await page.locator("#cancel").boundingBox())?.height).toBeGreaterThanOrEqual(44);
  });

  test("names, roles and relations that assistive technology needs are there", async () => {
    const page = await open({ perBuyerLimit: 3 });
    const snapshot = await page.locator("body").ariaSnapshot();
    for (const line of [
      '- heading "Trail lamp, first batch" [level=1]',
      '- button "Buy now"',
      '- combobox "Quantity"',
      "- status",
      "- main",
      "- banner",
      "- contentinfo",
      '- navigation "Language"',
    ]) {
      expect(snapshot).toContain(line);
    }
    const defects = await page.evaluate(`
      [
        ...[...document.querySelectorAll("[aria-labelledby], [aria-describedby]")].flatMap((element) =>
          ["aria-labelledby", "aria-describedby"].flatMap((name) => (element.getAttribute(name) ?? "").split(" "))
            .filter((id) => id !== "" && document.getElementById(id) === null)),
        ...[...document.querySelectorAll("[id]")].map(({ id }) => id).filter((id, at, ids) => ids.indexOf(id) !== at),
        ...[...document.querySelectorAll("[tabindex]")].filter(({ tabIndex }) => tabIndex > 0).map(({ id }) => id),
      ]
    `);
    expect(defects).toEqual([]);
    expect(await page.locator("#countdown").getAttribute("aria-live")).toBe("off");
    expect(await page.locator("#announcer").getAttribute("aria-live")).toBe("polite");
  });

  test("the keyboard reaches everything in reading order, and buys", async () => {
    const page = await open({ perBuyerLimit: 3 });
    const order: unknown[] = [];
    for (let step = 0; step < 4; step += 1) {
      await page.keyboard.press("Tab");
      order.push(await page.evaluate("document.activeElement.id || document.activeElement.dataset.language"));
    }
    expect(order).toEqual(["en", "zh", "quantity", "buy"]);
    await page.selectOption("#quantity", "2");
    await page.focus("#buy");
    await page.keyboard.press("Enter");
    await waitForPhase("held");
    expect([...gateway.orders.values()][0]?.quantity).toBe(2);
  });

  test("a countdown is no spam: the live region stays silent between the marks", async () => {
    const page = await open({ opensAt: Date.now() + 57_000 });
    await page.evaluate(`
      globalThis.said = 0;
      new MutationObserver(() => { globalThis.said += 1; }).observe(document.querySelector("#announcer"), { childList: true });
    `);
    const before = await page.locator("#seconds").textContent();
    await page.waitForTimeout(2_200);
    expect(await page.locator("#seconds").textContent()).not.toBe(before);
    expect(await page.evaluate("globalThis.said")).toBe(0);
  });

  test.each(["light", "dark"] as const)("text has a contrast of at least 4.5 in the %s scheme", async (colorScheme) => {
    const page = await open({ forcedState: "held-out", perBuyerLimit: 2 }, { colorScheme, reducedMotion: "reduce" });
    const poor = await page.evaluate(`
      const luminance = (colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((value) => value / 255)
          .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = (element) => {
        const colour = getComputedStyle(element).backgroundColor;
        return /, 0\\)$/.test(colour) && element.parentElement ? ground(element.parentElement) : colour;
      };
      [...document.querySelectorAll("body *")]
        .filter((element) => element.checkVisibility() && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
        .map((element) => {
          const [light, dark] = [luminance(getComputedStyle(element).color), luminance(ground(element))].sort((a, b) => b - a);
          return [element.id || element.tagName, (light + 0.05) / (dark + 0.05)];
        })
        .filter(([, contrast]) => contrast < 4.5)
    `);
    expect(poor).toEqual([]);
  });

  test("a product that does not exist is told", async () => {
    const page = await open({}, { query: "?product=nothing" });
    expect(await page.locator("#status").textContent()).toContain("no such sale");
    expect(await page.locator("#buy-block").isVisible()).toBe(false);
  });
});
