/** What a buyer's phone has to load before the button can light. Needs no browser. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildScripts } from "./chromium.ts";

const PUBLIC = join(import.meta.dirname, "../../public");
/** Page, style and script together, compressed: two round trips on a slow line. Bytes. */
const MOST_BYTES = 30_000;

describe("the sale page's files", () => {
  let scripts: Awaited<ReturnType<typeof buildScripts>>;

  beforeAll(async () => {
    scripts = await buildScripts();
  });
  afterAll(() => scripts.remove());

  test("weigh less than 30 kB together", async () => {
    const files = [join(PUBLIC, "index.html"), join(PUBLIC, "style.css"), join(scripts.directory, "sale.js")];
    const weights = await Promise.all(files.map(async (file) => gzipSync(await readFile(file)).length));
    expect(weights.reduce((sum, weight) => sum + weight)).toBeLessThan(MOST_BYTES);
  });

  test("the page holds no inline script, style or handler, and loads from its own origin only", async () => {
    const html = await readFile(join(PUBLIC, "index.html"), "utf8");
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i);
    expect([...html.matchAll(/<script\b[^>]*>/g)].map(([tag]) => tag)).toEqual([
      '<script type="module" src="/sale.js">',
    ]);
    expect([...html.matchAll(/\s(?:src|href)="([^"]*)"/g)].every(([, url]) => /^(?:\/|data:)/.test(url ?? ""))).toBe(
      true,
    );
  });

  test("the library is an ES module that exports its face", async () => {
    const library: Readonly<Record<string, unknown>> = await import(join(scripts.directory, "sluice.js"));
    for (const name of ["browserPlatform", "createGateway", "decideOffset", "startClock", "startSale"]) {
      expect(library[name]).toBeTypeOf("function");
    }
  });

  test("the content security policy allows nothing beyond what the page needs", async () => {
    const headers = await readFile(join(PUBLIC, "_headers"), "utf8");
    const policy = /Content-Security-Policy: (.+)/.exec(headers)?.[1]?.split("; ");
    expect(policy).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "worker-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self' data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
  });
});
