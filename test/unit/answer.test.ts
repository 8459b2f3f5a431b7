import { type Context, Hono } from "hono";
import { describe, expect, it } from "vitest";
import { answer, answerAsItIs, answerJson, completed, sheetOf } from "../../src/answer.ts";
import type { AppEnv } from "../../src/context.ts";

const SHEET = sheetOf({ "Content-Type": "text/plain", "Cache-Control": "no-store" });

async function ask(handler: (c: Context<AppEnv>) => Response, requestId = "request-1"): Promise<Response> {
  const app = new Hono<AppEnv>();
  app.get("/", (c) => {
    c.set("requestId", requestId);
    return completed(c, handler(c));
  });
  return app.request("/");
}

describe("answer()", () => {
  it("has what every answer has, what its kind has, and its own", async () => {
    const { status, headers } = await ask((c) => answer(c, "no", 425, SHEET, { "Retry-After": "5" }));
    expect([status, ...headers]).toEqual([
      425,
      ["cache-control", "no-store"],
      ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
      ["content-type", "text/plain"],
      ["retry-after", "5"],
      ["x-content-type-options", "nosniff"],
      ["x-request-id", "request-1"],
    ]);
  });

  it("leaves nothing of one answer in the next of its kind", async () => {
    const first = await ask((c) => answer(c, "a", 200, SHEET, { "Retry-After": "5", Location: "/a" }), "request-a");
    const second = await ask((c) => answer(c, "b", 200, SHEET), "request-b");
    expect([second.headers.get("Retry-After"), second.headers.get("Location")]).toEqual([null, null]);
    expect([first.headers.get("X-Request-Id"), second.headers.get("X-Request-Id")]).toEqual(["request-a", "request-b"]);
    expect(first.headers.get("Location")).toBe("/a");
  });

  it("leaves nothing of an answer behind that could not be made", async () => {
    await ask((c) => answer(c, "a", 200, SHEET, { "Retry-After": "5", Location: "two\nlines" }));
    const next = await ask((c) => answer(c, "b", 200, SHEET));
    expect([next.status, next.headers.get("Retry-After"), next.headers.get("Location")]).toEqual([200, null, null]);
  });

  it("can be changed by who made it, without a trace in the next", async () => {
    await ask((c) => {
      const made = answer(c, "a", 200, SHEET);
      made.headers.set("RateLimit", "x");
      return made;
    });
    expect((await ask((c) => answer(c, "b", 200, SHEET))).headers.get("RateLimit")).toBeNull();
  });
});

describe("completed()", () => {
  it("adds to an answer by hono's means what every answer has", async () => {
    const { headers } = await ask((c) => c.json({ ok: true }));
    expect(headers.get("X-Request-Id")).toBe("request-1");
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(headers.get("Content-Security-Policy")).toContain("default-src 'none'");
    expect(headers.get("Content-Type")).toBe("application/json");
  });

  it("tells an answer that another one took the place of", async () => {
    const { headers } = await ask((c) => {
      answerJson(c, { first: true });
      return new Response("second");
    });
    expect(headers.get("X-Request-Id")).toBe("request-1");
  });

  it("adds to a page nothing but the request's id", async () => {
    const { headers } = await ask((c) =>
      answerAsItIs(c, new Response("<p>", { headers: { "Content-Security-Policy": "default-src 'self'" } })),
    );
    expect(headers.get("X-Request-Id")).toBe("request-1");
    expect(headers.get("Content-Security-Policy")).toBe("default-src 'self'");
    expect(headers.get("X-Content-Type-Options")).toBeNull();
  });
});
