import { Hono, type MiddlewareHandler } from "hono";
import { describe, expect, it } from "vitest";
import { guards } from "../../src/guards.ts";

const told: string[] = [];

function lets(name: string): MiddlewareHandler {
  return (_, next) => {
    told.push(name);
    return next();
  };
}

function letsLater(name: string): MiddlewareHandler {
  return async (_, next) => {
    await Promise.resolve();
    told.push(name);
    return next();
  };
}

function refuses(name: string): MiddlewareHandler {
  return (c) => Promise.resolve(c.text(name, 403));
}

function refusesLater(name: string): MiddlewareHandler {
  return async (c) => {
    await Promise.resolve();
    return c.text(name, 403);
  };
}

function throwsLater(): MiddlewareHandler {
  return async () => {
    await Promise.resolve();
    throw new Error("lost");
  };
}

async function ask(...stages: readonly MiddlewareHandler[]) {
  told.length = 0;
  const app = new Hono();
  app.onError((fault, c) => c.text(fault.message, 500));
  app.get("/", guards(...stages), (c) => c.text("through"));
  const response = await app.request("/");
  return [response.status, await response.text(), ...told];
}

describe("guards", () => {
  it.each([
    ["nobody refuses", [lets("a"), lets("b"), lets("c")], [200, "through", "a", "b", "c"]],
    [
      "some think about it",
      [lets("a"), letsLater("b"), lets("c"), letsLater("d")],
      [200, "through", "a", "b", "c", "d"],
    ],
    ["there are none", [], [200, "through"]],
  ])("lets the request on in order where %s", async (_, stages, expected) => {
    expect(await ask(...stages)).toEqual(expected);
  });

  it.each([
    ["at once", [lets("a"), refuses("no"), lets("c")], [403, "no", "a"]],
    ["later", [letsLater("a"), refusesLater("no"), lets("c")], [403, "no", "a"]],
    ["at once, behind one that thinks", [letsLater("a"), refuses("no"), lets("c")], [403, "no", "a"]],
    ["as the first", [refuses("no"), lets("b")], [403, "no"]],
  ])("ends with the first that refuses %s", async (_, stages, expected) => {
    expect(await ask(...stages)).toEqual(expected);
  });

  it("hands a guard's fault on, and lets nothing past it", async () => {
    expect(await ask(lets("a"), throwsLater(), lets("c"))).toEqual([500, "lost", "a"]);
  });
});
