import { type Context, Hono } from "hono";
import { describe, expect, it } from "vitest";
import { alike, answer, answerAsItIs, answerJson, completed } from "../../src/answer.ts";
import type { AppEnv } from "../../src/context.ts";

async function ask(handler: (c: Context<AppEnv>) => Response, requestId = "request-1"): Promise<Response> {
  const app = new Hono<AppEnv>();
  app.get("/", (c) => {
    c.set("requestId", requestId);
    return completed(c, handler(c));
  });
  return app.request("/");
}

describe("answer()", () => {
  it("has what every answer has, and its own", async () => {
    const { status, headers } = await ask((c) =>
      answer(c, "no", 425, { "Content-Type": "text/plain", "Retry-After": "5" }),
    );
    expect([status, ...headers]).toEqual([
      425,
      ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
      ["content-type", "text/plain"],
      ["retry-after", "5"],
      ["x-content-type-options", "nosniff"],
      ["x-request-id", "request-1"],
    ]);
  });
});

describe("alike()", () => {
  it("gives each answer what all have, the id of its own request, and a copy of its own", async () => {
    const headers = alike({ "Content-Type": "text/plain" });
    const [first, second] = await Promise.all(
      ["request-1", "request-2"].map((id) => ask((c) => answer(c, "no", 410, headers), id)),
    );
    first?.headers.set("Location", "/");
    expect([...(first?.headers ?? [])]).toContainEqual(["x-request-id", "request-1"]);
    expect([...(second?.headers ?? [])]).toEqual([
      ["content-security-policy", "default-src 'none'; frame-ancestors 'none'"],
      ["content-type", "text/plain"],
      ["x-content-type-options", "nosniff"],
      ["x-request-id", "request-2"],
    ]);
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
