import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ask, challengeFor, solve } from "./challenged-gateway.ts";
import { type FakeSiteverify, fakeSiteverify } from "./fake-siteverify.ts";

const ASKER = { kind: "turnstile" } as const;

let siteverify: FakeSiteverify;
beforeEach(() => {
  siteverify = fakeSiteverify();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Answers when the call is given up. */
function hang({ signal }: RequestInit): Promise<Response> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}

describe("T12 Turnstile", () => {
  it("is shown with site key, action and the ticket's id as cData", async () => {
    const challenge = await challengeFor(ASKER);
    expect(challenge).toMatchObject({ kind: "turnstile", siteKey: "0xSITE", action: "sluice-token" });
    expect(challenge["cData"]).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(JSON.stringify(challenge)).not.toContain("siteverify-secret");
  });

  it("is asked about with the secret, and under the same idempotency key for the same token", async () => {
    siteverify.reply = () => Promise.resolve(new Response("busy", { status: 500 }));
    const answer = await solve(await challengeFor(ASKER));
    await ask(ASKER, answer);
    siteverify.reply = {};
    expect((await ask(ASKER, answer)).code).toBe("token");
    await ask(ASKER, await solve(await challengeFor(ASKER)));
    const [first, second, other] = siteverify.asked;
    expect(first).toMatchObject({ secret: "siteverify-secret", response: answer["token"] });
    expect(first?.idempotency_key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(second?.idempotency_key).toBe(first?.idempotency_key);
    expect(other?.idempotency_key).not.toBe(first?.idempotency_key);
  });

  it.each([
    ["no success", { success: false, "error-codes": ["timeout-or-duplicate"] }],
    ["no success, and no reason", { success: false }],
    ["another hostname", { hostname: "evil.example" }],
    ["no hostname", { hostname: undefined }],
    ["another action", { action: "login" }],
    ["no action", { action: undefined }],
    ["another cdata", { cdata: "AAAAAAAAAAAAAAAAAAAAAA" }],
    ["no cdata", { cdata: undefined }],
  ])("is refused with %s, and the challenge stays good", async (_, reply) => {
    const answer = await solve(await challengeFor(ASKER));
    siteverify.reply = reply;
    const told = await ask(ASKER, answer);
    expect([told.status, told.code]).toEqual([403, "challenge-failed"]);
    siteverify.reply = {};
    expect((await ask(ASKER, answer)).code).toBe("token");
  });

  it.each<[string, (init: RequestInit) => Promise<Response>]>([
    ["does not answer in time", hang],
    ["stops in the middle of its answer", ({ signal }) => Promise.resolve(new Response(stuckBody(signal)))],
    ["cannot be reached", () => Promise.reject(new TypeError("Network connection lost"))],
    ["answers 500", () => Promise.resolve(Response.json({ success: true }, { status: 500 }))],
    ["answers 503 with a page", () => Promise.resolve(new Response("<h1>Busy</h1>", { status: 503 }))],
    ["answers 429", () => Promise.resolve(Response.json({ success: true }, { status: 429 }))],
    ["answers HTML", () => Promise.resolve(new Response("<html>success: true</html>"))],
    ["answers nothing", () => Promise.resolve(new Response(""))],
    ["answers a list", () => Promise.resolve(Response.json([{ success: true }]))],
    ["answers null", () => Promise.resolve(Response.json(null))],
    ["says success as a text", () => Promise.resolve(Response.json({ success: "true" }))],
    ["says nothing of success", () => Promise.resolve(Response.json({ hostname: "shop.example" }))],
    [
      "sends elsewhere",
      () => Promise.resolve(new Response(null, { status: 302, headers: { Location: "https://evil.example" } })),
    ],
    [
      "does not take the secret",
      () => Promise.resolve(Response.json({ success: false, "error-codes": ["invalid-input-secret"] })),
    ],
    [
      "has a fault of its own",
      () => Promise.resolve(Response.json({ success: false, "error-codes": ["internal-error"] })),
    ],
  ])("is closed where siteverify %s, and the same token may come again", async (_, reply) => {
    const answer = await solve(await challengeFor(ASKER));
    siteverify.reply = reply;
    const told = await ask(ASKER, answer);
    expect([told.status, told.code]).toEqual([503, "overloaded"]);
    expect(told.text).not.toContain("siteverify-secret");
    siteverify.reply = {};
    expect((await ask(ASKER, answer)).code).toBe("token");
  });

  it("a replayed token is refused by the gateway's own mark, though siteverify says yes", async () => {
    const answer = await solve(await challengeFor(ASKER));
    expect((await ask(ASKER, answer)).code).toBe("token");
    expect((await ask(ASKER, answer)).code).toBe("challenge-failed");
    expect(siteverify.asked.length).toBe(2);
  });

  it("a token of one ticket is worth nothing with another", async () => {
    const [one, other] = [await solve(await challengeFor(ASKER)), await solve(await challengeFor(ASKER))];
    expect((await ask(ASKER, { ...other, token: one["token"] })).code).toBe("challenge-failed");
  });

  it("is not asked about for a ticket that is not ours", async () => {
    const answer = await solve(await challengeFor(ASKER));
    await ask({ ...ASKER, buyer: "thief" }, answer);
    expect(siteverify.asked).toEqual([]);
  });
});

/** A body whose end never comes, until the call is given up. */
function stuckBody(signal: AbortSignal | null | undefined): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"success": tr'));
      signal?.addEventListener("abort", () => controller.error(signal.reason));
    },
  });
}
