/**
 * The real Chromium that the browser tests drive, from Debian's package rather than a download.
 *
 * Where there is none, the tests are skipped with a word on how to get it; in CI that would hide a gap, so there they fail.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";
import { buildClient } from "../../scripts/build-client.ts";

export const CHROMIUM_PATH = process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium";
export const HAS_CHROMIUM = existsSync(CHROMIUM_PATH);

if (!HAS_CHROMIUM) {
  const message = `The browser tests need Chromium at ${CHROMIUM_PATH}, and there is none: apt-get install chromium, or set CHROMIUM_PATH`;
  if (process.env["CI"] === "true") throw new Error(message);
  console.warn(message);
}

/** How wrong the clocks of buyers are in these tests. */
export const HOUR_MS = 3_600_000;
/** By such a clock it would be an hour; how quick a busy machine is says nothing. */
export const FAR_FROM_AN_HOUR_MS = 10_000;

/** Without a sandbox because containers rarely allow one; offline apart from the gateway under test. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Playwright makes a user data directory of its own for every launch. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM_PATH, headless: true, args: FLAGS });
}

/** Builds the page's script into a directory of its own, so that no other test meets a half-written file. */
export async function buildScripts(): Promise<{ readonly directory: string; readonly remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-page-"));
  await buildClient(directory);
  return { directory, remove: () => rm(directory, { recursive: true }) };
}

export interface OpenPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Everything that went wrong in the page: console errors, exceptions, violations of the content security policy. */
  readonly complaints: string[];
  /** Method and path of every request that the page sent, in order. */
  readonly requests: string[];
}

export interface OpenPageOptions extends BrowserContextOptions {
  /** Added to the browser's wall clock, in milliseconds. @default 0 */
  readonly clockSkewMs?: number;
}

/** Opens the sale page in a context of its own: another buyer, an empty memory. */
export async function openPage(browser: Browser, url: string, options: OpenPageOptions = {}): Promise<OpenPage> {
  const { clockSkewMs = 0, ...contextOptions } = options;
  const context = await browser.newContext({ locale: "en-GB", ...contextOptions });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    // Chromium reports every refusal's status as an error; those are part of the conversation, not of the page.
    const isRefusal = /^Failed to load resource: (?:the server responded with a status|net::ERR_)/.test(message.text());
    if (message.type() === "error" && !isRefusal) complaints.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
  await page.exposeFunction("reportViolation", (text: string) => complaints.push(`csp: ${text}`));
  await page.addInitScript(REPORT_VIOLATIONS);
  if (clockSkewMs !== 0) await page.addInitScript(skewWallClock(clockSkewMs));
  await page.goto(url);
  return { page, context, complaints, requests };
}

// What runs in the page is text: these files are compiled for Node, which has no document.

const REPORT_VIOLATIONS = `
  document.addEventListener("securitypolicyviolation", (event) => {
    reportViolation(event.violatedDirective + " " + event.blockedURI);
  });
`;

/** A wall clock that is wrong, while the monotonic clock stays right. */
function skewWallClock(skewMs: number): string {
  return `
    const RealDate = Date;
    globalThis.Date = class extends RealDate {
      constructor(...parts) {
        super(...(parts.length === 0 ? [RealDate.now() + ${skewMs}] : parts));
      }
      static now() {
        return RealDate.now() + ${skewMs};
      }
    };
  `;
}
