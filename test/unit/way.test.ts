import { Hono, type MiddlewareHandler } from "hono";
import { describe, expect, it } from "vitest";
import { fromHono, type Stage, together, way } from "../../src/way.ts";

const told: string[] = [];

function lets(name: string): Stage {
  return (c, next) => {
    told.push(name);
    return next(c);
  };
}

function letsLater(name: string): Stage {
  return async (c, next) => {
    await Promise.resolve();
    told.push(name);
    return next(c);
  };
}

/** Works on the answer, as limits do. */
function marks(name: string): Stage {
  return async (c, next) => {
    const answer = await next(c);
    told.push(name);
    answer.headers.append("Marks", name);
    return answer;
  };
}

function refuses(name: string): Stage {
  return (c) => c.text(name, 403);
}

function refusesLater(name: string): Stage {
  return async (c) => {
    await Promise.resolve();
    return c.text(name, 403);
  };
}

function throws(): Stage {
  return () => {
    throw new Error("lost");
  };
}

function throwsLater(): Stage {
  return async () => {
    await Promise.resolve();
    throw new Error("lost");
  };
}

const answers: Stage = (c) => c.text("through");

async function ask(...stages: readonly Stage[]) {
  told.length = 0;
  const app = new Hono();
  app.onError((fault, c) => c.text(fault.message, 500));
  app.get("/", way(...stages, answers));
  const response = await app.request("/");
  return [response.status, await response.text(), ...told];
}

describe("way()", () => {
  it.each([
    ["nobody refuses", [lets("a"), lets("b"), lets("c")], ["a", "b", "c"]],
    ["some think about it", [lets("a"), letsLater("b"), lets("c"), letsLater("d")], ["a", "b", "c", "d"]],
    ["some stand together", [lets("a"), together(lets("b"), letsLater("c")), lets("d")], ["a", "b", "c", "d"]],
    ["there are none", [], []],
    ["some work on the answer", [marks("z"), lets("a"), marks("y"), letsLater("b")], ["a", "b", "y", "z"]],
  ])("lets the request on in order where %s", async (_, stages, expected) => {
    expect(await ask(...stages)).toEqual([200, "through", ...expected]);
  });

  it.each([
    ["at once", [lets("a"), refuses("no"), lets("c")], [403, "no", "a"]],
    ["later", [letsLater("a"), refusesLater("no"), lets("c")], [403, "no", "a"]],
    ["at once, behind one that thinks", [letsLater("a"), refuses("no"), lets("c")], [403, "no", "a"]],
    ["at once, behind one that works on the answer", [marks("a"), refuses("no"), lets("c")], [403, "no", "a"]],
    ["as the first", [refuses("no"), lets("b")], [403, "no"]],
    ["among some that stand together", [together(lets("a"), refuses("no"), lets("b")), lets("c")], [403, "no", "a"]],
  ])("ends with the first that refuses %s", async (_, stages, expected) => {
    expect(await ask(...stages)).toEqual(expected);
  });

  it.each([
    ["at once", throws()],
    ["later", throwsLater()],
  ])("hands a stage's fault on that comes %s, and lets nothing past it", async (_, fails) => {
    expect(await ask(lets("a"), fails, lets("c"))).toEqual([500, "lost", "a"]);
  });

  it("answers in the step in which it is asked, where no stage waits", () => {
    const handler = way(lets("a"), together(lets("b"), lets("c")), answers);
    const app = new Hono().get("/", handler);
    expect(app.fetch(new Request("http://localhost/"))).toBeInstanceOf(Response);
  });

  it("tells a way that nobody answers on from one that is refused", async () => {
    const app = new Hono().get("/", way(lets("a")));
    app.onError((fault, c) => c.text(fault.message, 500));
    expect(await (await app.request("/")).text()).toMatch(/^Expected a stage that answers/);
  });
});

const marksInHono: MiddlewareHandler = async (c, next) => {
  c.res.headers.set("Before", "1");
  await next();
  c.header("After", String(c.res.status));
};

function adds(name: string): MiddlewareHandler {
  return async (c, next) => {
    await next();
    c.res.headers.append("Marks", name);
  };
}

describe("fromHono()", () => {
  it("lets a middleware work on the answer before and behind it", async () => {
    const app = new Hono().get(
      "/",
      way(fromHono(marksInHono), lets("a"), (c) => c.text("through", 202)),
    );
    const { status, headers } = await app.request("/");
    expect([status, headers.get("Before"), headers.get("After")]).toEqual([202, "1", "202"]);
  });

  it("ends with a middleware that answers", async () => {
    expect(
      await ask(
        lets("a"),
        fromHono((c) => Promise.resolve(c.text("no", 403))),
        lets("b"),
      ),
    ).toEqual([403, "no", "a"]);
  });

  it("keeps one answer through several middlewares, and what each made of it", async () => {
    const app = new Hono().get("/", way(fromHono(adds("outer")), fromHono(adds("inner")), answers));
    expect((await app.request("/")).headers.get("Marks")).toBe("inner, outer");
  });
});
