/** The sale page for everybody: languages, small screens, keyboards, assistive technology, contrast. */
import { describe, expect, test, vi } from "vitest";
import { HAS_CHROMIUM } from "./chromium.ts";
import { useFakeSale } from "./fake-sale.ts";

// Starting a browser takes seconds on a small machine; the page itself waits for pauses that it is told.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 120_000 });

describe.skipIf(!HAS_CHROMIUM)("the sale page for everybody", () => {
  const sale = useFakeSale();

  test("Chinese by ?lang and by the switch, which keeps the page's state and address", async () => {
    const page = await sale.open({}, { query: "?lang=zh" });
    expect(await page.locator("html").getAttribute("lang")).toBe("zh-CN");
    expect(await page.locator("#buy").textContent()).toBe("立即抢购");
    await page.click("text=English");
    expect(await page.locator("#buy").textContent()).toBe("Buy now");
    expect(page.url()).toContain("lang=en");
    expect(await page.locator("[data-language=en]").getAttribute("aria-pressed")).toBe("true");
  });

  test("Chinese by the browser's languages", async () => {
    const page = await sale.open({}, { locale: "zh-CN" });
    expect(await page.locator("#badge").textContent()).toBe("正在抢购");
  });

  test.each(["en", "zh"])("fits a phone of 360 px, with targets that a thumb can hit (%s)", async (lang) => {
    const options = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true };
    const page = await sale.open(
      { title: "An uncommonly long name for a lamp: Trailfinder-Superlight-Edition" },
      { ...options, query: `?lang=${lang}` },
    );
    const buy = await page.locator("#buy").boundingBox();
    expect(buy?.height).toBeGreaterThanOrEqual(44);
    await page.tap("#buy");
    await sale.waitForPhase("held");
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    expect((await page.locator("#cancel").boundingBox())?.height).toBeGreaterThanOrEqual(44);
  });

  test("names, roles and relations that assistive technology needs are there", async () => {
    const page = await sale.open({ perBuyerLimit: 3 });
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
    const page = await sale.open({ perBuyerLimit: 3 });
    const order: unknown[] = [];
    for (let step = 0; step < 4; step += 1) {
      await page.keyboard.press("Tab");
      order.push(await page.evaluate("document.activeElement.id || document.activeElement.dataset.language"));
    }
    expect(order).toEqual(["en", "zh", "quantity", "buy"]);
    await page.selectOption("#quantity", "2");
    await page.focus("#buy");
    await page.keyboard.press("Enter");
    await sale.waitForPhase("held");
    expect([...sale.gateway.orders.values()][0]?.quantity).toBe(2);
  });

  test("a countdown is no spam: the live region stays silent between the marks", async () => {
    const page = await sale.open({ opensAt: Date.now() + 57_000 });
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
    const page = await sale.open(
      { forcedState: "held-out", perBuyerLimit: 2 },
      { colorScheme, reducedMotion: "reduce" },
    );
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
});
