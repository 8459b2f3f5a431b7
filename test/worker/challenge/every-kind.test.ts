/** What holds for every kind of challenge: bound, ending, used once, and closed in doubt. */
import { abortAllDurableObjects } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { burnInLimiter } from "../../../src/challenge/burn.ts";
import { CHALLENGE_KINDS } from "../../../src/challenge/kinds.ts";
import { ask, type Asker, challengeFor, CONFIG, solve } from "./challenged-gateway.ts";
import { fakeSiteverify } from "./fake-siteverify.ts";

beforeEach(() => {
  fakeSiteverify();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe.each(CHALLENGE_KINDS)("T11 a challenge of kind %s", (kind) => {
  const asker: Asker = { kind };

  it("is put where no answer comes, and its right answer goes through", async () => {
    const told = await ask(asker);
    expect(told.status).toBe(403);
    expect(told.code).toBe("challenge-required");
    expect(told.challenge["kind"]).toBe(kind);
    expect(Number(told.challenge["expiresAt"]) - Date.now()).toBeLessThanOrEqual(CONFIG.lifetimeMs);
    expect((await ask(asker, await solve(told.challenge))).status).toBe(201);
  });

  it("is good once", async () => {
    const answer = await solve(await challengeFor(asker));
    expect((await ask(asker, answer)).code).toBe("token");
    const again = await ask(asker, answer);
    expect([again.status, again.code]).toEqual([403, "challenge-failed"]);
  });

  it("F1 is good once, also where the object that knows it crashes at once", async () => {
    const answer = await solve(await challengeFor(asker));
    expect((await ask(asker, answer)).code).toBe("token");
    await abortAllDurableObjects();
    expect((await ask(asker, answer)).code).toBe("challenge-failed");
  });

  it("is good once among fifty at the same time", async () => {
    const answer = await solve(await challengeFor(asker));
    const told = await Promise.all(Array.from({ length: 50 }, () => ask(asker, answer)));
    const codes = told.map(({ code }) => code).toSorted();
    expect(codes).toEqual([...Array<string>(49).fill("challenge-failed"), "token"]);
  });

  it.each<[string, Asker]>([
    ["another buyer", { buyer: "buyer-2" }],
    ["another product", { product: "product-2" }],
    ["another round", { round: 2 }],
    ["another gateway", { gateway: "gateway-2" }],
    ["a gateway with other keys", { config: { ...CONFIG, keys: CONFIG.keys.slice(1) } }],
  ])("is worth nothing to %s, and stays good for its own", async (_, other) => {
    const answer = await solve(await challengeFor(asker));
    expect((await ask({ ...asker, ...other }, answer)).code).toBe("challenge-failed");
    expect((await ask(asker, answer)).code).toBe("token");
  });

  it("ends by the gateway's clock", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const { expiresAt, ...challenge } = await challengeFor(asker);
    const [early, late] = [await solve(challenge), await solve(await challengeFor(asker))];
    vi.setSystemTime(Number(expiresAt) - 1);
    expect((await ask(asker, early)).code).toBe("token");
    vi.setSystemTime(Number(expiresAt));
    expect((await ask(asker, late)).code).toBe("challenge-failed");
  });

  it("stays used to the end of its life", async () => {
    const challenge = await challengeFor(asker);
    const answer = await solve(challenge);
    expect((await ask(asker, answer)).code).toBe("token");
    vi.useFakeTimers({ toFake: ["Date"], now: Number(challenge["expiresAt"]) - 1 });
    expect((await ask(asker, answer)).code).toBe("challenge-failed");
  });

  it.each([
    ["throws", () => Promise.reject(new Error("gone"))],
    ["is overloaded", () => Promise.reject(Object.assign(new Error("busy"), { overloaded: true }))],
    ["has too many waiting", () => Promise.resolve(null)],
    ["answers garbage", () => Promise.resolve('{"taken":"yes"}')],
    ["answers no JSON", () => Promise.resolve("yes")],
    ["answers no text", () => Promise.resolve({ taken: true })],
    ["does not answer", () => new Promise(() => {})],
  ])("F9 is refused where the store that burns it %s", async (_, take) => {
    const answer = await solve(await challengeFor(asker));
    const bindings = { ...env, LIMITER: { getByName: () => ({ take }) } };
    const told = await ask({ ...asker, bindings, burn: burnInLimiter({ budgetMs: 50 }) }, answer);
    expect([told.status, told.code]).toEqual([503, "limiter-unavailable"]);
  });

  it("is put again where the answer is to another kind", async () => {
    const other = kind === "pow" ? "quiz" : "pow";
    const answer = await solve(await challengeFor({ kind: other }));
    const told = await ask(asker, answer);
    expect([told.code, told.challenge["kind"]]).toEqual(["challenge-required", kind]);
    expect((await ask({ kind: other }, answer)).code).toBe("token");
  });

  it("is not asked for where none is demanded", async () => {
    expect((await ask({ ...asker, demand: "none" })).code).toBe("token");
  });

  it("cannot be issued without its configuration, and lets nobody through", async () => {
    const config = { ...CONFIG, keys: [], quiz: [], turnstile: null };
    expect((await ask({ ...asker, config })).status).toBe(500);
    expect((await ask({ ...asker, config }, await solve(await challengeFor(asker)))).status).not.toBe(201);
  });

  it.each([
    ["nothing in it", {}],
    ["an unknown kind", { kind: "riddle" }],
    ["its kind only", { kind }],
    ["no object", "yes"],
    ["a list", [kind]],
    ["a huge ticket", { kind, ticket: "x".repeat(5000), answer: 0, token: "x" }],
  ])("T19 is not answered by %s", async (_, answer) => {
    const told = await ask(asker, answer);
    expect([told.status, told.code]).toEqual([400, "invalid-request"]);
  });
});

describe.each(["quiz", "turnstile"] as const)("T11 the ticket of a %s", (kind) => {
  it.each<[string, (ticket: string) => string]>([
    ["with another header", (ticket) => ticket.replace(/^[^.]+/, (head) => `${head}A`)],
    [
      "with another initialisation vector",
      (ticket) => ticket.replace(/(?<=\.\.)./, (first) => (first === "A" ? "B" : "A")),
    ],
    ["that was cut", (ticket) => ticket.slice(0, -1)],
    ["with a blank", (ticket) => `${ticket} `],
    ["that is empty", () => ""],
    ["that is a signed token", () => "eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8opsbCGfG_HACGpVUMN_a9IV7pAx_Zmeo"],
  ])("%s is refused", async (_, change) => {
    const answer = await solve(await challengeFor({ kind }));
    expect((await ask({ kind }, { ...answer, ticket: change(String(answer["ticket"])) })).code).toBe(
      "challenge-failed",
    );
    expect((await ask({ kind }, answer)).code).toBe("token");
  });

  it("is used up in every spelling", async () => {
    const answer = await solve(await challengeFor({ kind }));
    expect((await ask({ kind }, answer)).code).toBe("token");
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const respelt = [1, 2, 3].map((bits) =>
      String(answer["ticket"]).replace(/.(?=\.[^.]+$)/, (last) => alphabet[alphabet.indexOf(last) ^ bits] ?? ""),
    );
    for (const ticket of respelt) expect((await ask({ kind }, { ...answer, ticket })).code).toBe("challenge-failed");
  });

  it("is none of the other kind", async () => {
    const other = kind === "quiz" ? "turnstile" : "quiz";
    const { ticket } = await challengeFor({ kind: other });
    const answer = await solve(await challengeFor({ kind }));
    expect((await ask({ kind }, { ...answer, ticket })).code).toBe("challenge-failed");
  });
});
