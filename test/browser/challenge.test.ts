/** Challenges in a real Chromium: the sale page, the real gateway, a fake of Turnstile's script and of its siteverify. */
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Browser, Page } from "playwright-core";
import { buildClient } from "../../scripts/build-client.ts";
import { forgetBundle, startGateway, type TestGateway } from "../support/node/gateway.ts";
import {
  buildScripts,
  HAS_CHROMIUM,
  launchChromium,
  openPage,
  type OpenPage,
  type OpenPageOptions,
} from "./chromium.ts";

// Starting a browser and a gateway takes seconds on a small machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 120_000 });

const QUIZ = [
  {
    id: "peak",
    question: { en: "Which of these is a mountain?", zh: "下列哪一个是山？" },
    options: [
      { en: "Amazon", zh: "亚马逊" },
      { en: "Kilimanjaro", zh: "乞力马扎罗" },
      { en: "Sahara", zh: "撒哈拉" },
    ],
    right: 1,
  },
];
const CODE = [
  { id: "code", question: { en: "Which code was announced?", zh: "公布的口令是什么？" }, codes: ["MOON 42"] },
];

/** What a buyer's phone loads beside the page when a sale has challenges. Bytes, compressed. */
const MOST_CHALLENGE_BYTES = 6_000;

test("the challenges' two scripts weigh less than 6 kB together", async () => {
  const { directory, remove } = await buildScripts();
  const files = await Promise.all(
    ["challenge.js", "challenge-worker.js"].map((name) => readFile(join(directory, name))),
  );
  await remove();
  expect(files.reduce((sum, file) => sum + gzipSync(file).length, 0)).toBeLessThan(MOST_CHALLENGE_BYTES);
});

/** Stands in for Turnstile's script: a button whose token carries the cData. */
const FAKE_TURNSTILE = `
  globalThis.turnstile = {
    render(container, options) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "I am a person";
      button.addEventListener("click", () => options.callback("token " + options.cData));
      container.append(button);
      return options.action + " " + options.sitekey;
    },
    remove() {},
  };
`;

/** Says yes to a token of the fake script. */
function startSiteverify(): Promise<Server> {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text) => (body += String(text)));
    request.on("end", () => {
      const [, cdata] = String(JSON.parse(body).response).split(" ");
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ success: true, hostname: "shop.example", action: "sluice-token", cdata }));
    });
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** The buy button by keyboard, then the option by arrow keys, then Enter. */
async function answerByKeyboard(page: Page, option: string): Promise<void> {
  await page.focus("#buy");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  const radio = page.getByRole("radio", { name: option });
  await page.keyboard.press("Space");
  for (let presses = 0; presses < QUIZ.length + 2 && !(await radio.isChecked()); presses += 1) {
    await page.keyboard.press("ArrowDown");
  }
  expect(await radio.isChecked()).toBe(true);
  await page.keyboard.press("Enter");
}

describe.skipIf(!HAS_CHROMIUM)("a sale with challenges", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let typed: TestGateway;
  let siteverify: Server;
  let opened: OpenPage;
  let products = 0;

  beforeAll(async () => {
    await buildClient();
    siteverify = await startSiteverify();
    const address = siteverify.address();
    if (address === null || typeof address === "string") throw new Error("The fake siteverify must listen on a port");
    const turnstile = {
      site_key: "0xSITE",
      hostnames: ["shop.example"],
      siteverify_url: `http://127.0.0.1:${address.port}/siteverify`,
    };
    const vars = { CHALLENGE: { turnstile }, TURNSTILE_SECRET: "a-secret-of-the-test" };
    browser = await launchChromium();
    gateway = await startGateway({ vars: { ...vars, CHALLENGE_QUIZ: QUIZ } });
    typed = await startGateway({ vars: { ...vars, CHALLENGE_QUIZ: CODE } });
  });
  afterAll(async () => {
    await browser.close();
    await Promise.all([gateway.stop(), typed.stop()]);
    siteverify.close();
    await forgetBundle();
  });
  afterEach(async () => {
    await opened.context.close();
    if (opened.complaints.length > 0) {
      throw new Error(`The page must run without complaints, and had: ${opened.complaints.join("; ")}`);
    }
  });

  /** A product of its own, and the page that sells it. */
  async function open(
    challenges: readonly string[],
    { at = gateway, query = "", ...options }: OpenPageOptions & { at?: TestGateway; query?: string } = {},
  ): Promise<Page> {
    products += 1;
    const id = `challenge-${products}`;
    const response = await fetch(`${at.url}/v1/admin/products/${id}`, {
      method: "PUT",
      headers: { Authorization: `Bearer ${at.adminToken}`, "Content-Type": "application/json" },
      body: JSON.stringify({
        title: "Trail lamp",
        price: 1999,
        currency: "EUR",
        stock: 3,
        opensAt: Date.now() - 1_000,
        closesAt: Date.now() + 3_600_000,
        perBuyerLimit: 1,
        holdSeconds: 120,
        challenges,
      }),
    });
    if (!response.ok) throw new Error(`The product must be created: ${await response.text()}`);
    opened = await openPage(browser, `${at.url}/?product=${id}${query}`, options);
    await opened.page.waitForSelector("#buy:enabled");
    return opened.page;
  }

  async function waitForPhase(phase: string): Promise<void> {
    await opened.page.waitForSelector(`#sale[data-phase="${phase}"]`);
  }

  function sent(request: string): number {
    return opened.requests.filter((line) => line.endsWith(request)).length;
  }

  test("T11: proof of work is solved silently, in a worker of the page's own, by one click", async () => {
    const page = await open(["pow"]);
    await expect.poll(() => sent("/challenge.js")).toBe(1);
    await page.click("#buy");
    await waitForPhase("held");
    expect([sent("/tokens"), sent("/challenge-worker.js") > 0]).toEqual([2, true]);
    expect(await page.getByRole("dialog").count()).toBe(0);
  });

  test("a page whose sale has no challenge loads nothing of them", async () => {
    const page = await open([]);
    await page.click("#buy");
    await waitForPhase("held");
    expect([sent("/tokens"), sent("/challenge.js"), sent("/challenge-worker.js")]).toEqual([1, 0, 0]);
  });

  test("T11: a quiz in English, by keyboard alone, with names for a screen reader", async () => {
    const page = await open(["quiz"]);
    await page.focus("#buy");
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "One question first" });
    await dialog.waitFor();
    const group = dialog.getByRole("group", { name: "Which of these is a mountain?" });
    expect((await group.getByRole("radio").all()).length).toBe(3);
    expect(await page.evaluate("document.activeElement.type")).toBe("radio");
    // Nothing chosen: the browser says what is missing, and nothing is sent.
    await page.keyboard.press("Enter");
    expect(await dialog.isVisible()).toBe(true);
    await page.keyboard.press("Escape");
    await page.waitForSelector("#notice:not([hidden])");
    expect(await page.locator("#notice-text").textContent()).toContain("was not finished");
    expect(await page.evaluate("document.activeElement.id")).toBe("buy");
    expect(sent("/tokens")).toBe(1);

    await answerByKeyboard(page, "Kilimanjaro");
    await waitForPhase("held");
    expect(await page.evaluate("document.activeElement.id")).toBe("status");
    expect(await page.getByRole("dialog").count()).toBe(0);
  });

  test("T11: a quiz in Chinese, by keyboard, on a phone; the browser's list decides as ?lang does", async () => {
    const page = await open(["quiz"], { locale: "zh-CN", viewport: { width: 360, height: 640 } });
    await page.focus("#buy");
    await page.keyboard.press("Enter");
    const group = page
      .getByRole("dialog", { name: "请先回答一个问题" })
      .getByRole("group", { name: "下列哪一个是山？" });
    await group.waitFor();
    expect(await group.getAttribute("lang")).toBe("zh");
    expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
    await page.keyboard.press("Escape");
    await page.waitForSelector("#notice:not([hidden])");
    await answerByKeyboard(page, "乞力马扎罗");
    await waitForPhase("held");
  });

  test("T11: a wrong answer is told; the next click puts a new question, in the language that was chosen meanwhile", async () => {
    const page = await open(["quiz"]);
    await answerByKeyboard(page, "Sahara");
    await page.waitForSelector("#notice:not([hidden])");
    expect(await page.locator("#notice-text").textContent()).toContain("not passed");
    await page.click("[data-language=zh]");
    await answerByKeyboard(page, "乞力马扎罗");
    await waitForPhase("held");
  });

  test("an announced code is typed", async () => {
    const page = await open(["quiz"], { at: typed, query: "&lang=zh" });
    await page.focus("#buy");
    await page.keyboard.press("Enter");
    const field = page.getByRole("textbox", { name: "您的答案" });
    await field.waitFor();
    expect(await page.evaluate("document.activeElement.type")).toBe("text");
    await page.keyboard.type("moon42");
    await page.keyboard.press("Enter");
    await waitForPhase("held");
  });

  test("T12: Turnstile is shown by its own script where the page's policy allows it", async () => {
    const page = await open(["turnstile"]);
    // As docs/challenges.md has it for public/_headers.
    await page.route("**/?product=*", async (route) => {
      const response = await route.fetch();
      const policy = (response.headers()["content-security-policy"] ?? "").replace(
        "script-src 'self'",
        "script-src 'self' https://challenges.cloudflare.com; frame-src https://challenges.cloudflare.com",
      );
      await route.fulfill({ response, headers: { ...response.headers(), "content-security-policy": policy } });
    });
    await page.route("https://challenges.cloudflare.com/**", (route) =>
      route.fulfill({ contentType: "text/javascript", body: FAKE_TURNSTILE }),
    );
    await page.reload();
    await page.waitForSelector("#buy:enabled");
    await page.click("#buy");
    const dialog = page.getByRole("dialog", { name: "One check first" });
    await dialog.getByRole("button", { name: "I am a person" }).click();
    await waitForPhase("held");
    expect(await dialog.count()).toBe(0);
  });
});
