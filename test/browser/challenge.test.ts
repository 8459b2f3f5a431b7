/** Challenges in a real Chromium: the sale page, the real gateway, a fake of Turnstile's script and of its siteverify. */
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Page } from "playwright-core";
import { buildScripts, HAS_CHROMIUM, type OpenPageOptions } from "./chromium.ts";
import { useRealSale } from "./real-sale.ts";

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

interface Siteverify {
  readonly server: Server;
  readonly url: string;
}

/** Says yes to a token of the fake script. */
function startSiteverify(): Promise<Siteverify> {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text) => (body += String(text)));
    request.on("end", () => {
      const [, cdata] = String(JSON.parse(body).response).split(" ");
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify({ success: true, hostname: "shop.example", action: "sluice-token", cdata }));
    });
  });
  return new Promise((resolve, reject) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string")
        reject(new Error("The fake siteverify must listen on a port"));
      else resolve({ server, url: `http://127.0.0.1:${address.port}/siteverify` });
    });
  });
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
  let siteverify: Siteverify;
  beforeAll(async () => {
    siteverify = await startSiteverify();
  });
  afterAll(() => void siteverify.server.close());

  const sale = useRealSale("browser-challenge", () => {
    const turnstile = { site_key: "0xSITE", hostnames: ["shop.example"], siteverify_url: siteverify.url };
    return { CHALLENGE: { turnstile }, CHALLENGE_QUIZ: QUIZ, TURNSTILE_SECRET: "a-secret-of-the-test" };
  });
  const { waitForPhase } = sale;

  /** The page of a product of its own. */
  async function open(challenges: readonly string[], options: OpenPageOptions = {}): Promise<Page> {
    const page = await sale.open(await sale.createProduct({ challenges }), options);
    await page.waitForSelector("#buy:enabled");
    return page;
  }

  function sent(request: string): number {
    return sale.opened.requests.filter((line) => line.endsWith(request)).length;
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

describe.skipIf(!HAS_CHROMIUM)("a sale with an announced code", () => {
  const sale = useRealSale("browser-code", () => ({ CHALLENGE_QUIZ: CODE }));

  test("an announced code is typed", async () => {
    const page = await sale.open(await sale.createProduct({ challenges: ["quiz"] }), { query: "&lang=zh" });
    await page.waitForSelector("#buy:enabled");
    await page.focus("#buy");
    await page.keyboard.press("Enter");
    const field = page.getByRole("textbox", { name: "您的答案" });
    await field.waitFor();
    expect(await page.evaluate("document.activeElement.type")).toBe("text");
    await page.keyboard.type("moon42");
    await page.keyboard.press("Enter");
    await sale.waitForPhase("held");
  });
});
