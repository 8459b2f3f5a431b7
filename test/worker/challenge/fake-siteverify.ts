/** Stands in for Turnstile's siteverify: answers as it should, until a test says otherwise. */
import { vi } from "vitest";
import { SITEVERIFY_URL } from "./challenged-gateway.ts";

export interface Asked {
  readonly secret: string;
  readonly response: string;
  readonly idempotency_key: string;
}

export interface FakeSiteverify {
  readonly asked: Asked[];
  /** The changes to the good answer, or a reply instead of it. */
  reply: Readonly<Record<string, unknown>> | ((init: RequestInit) => Promise<Response>);
}

/** A token `token <cData>` is good for that cData. To be undone by `vi.restoreAllMocks()`. */
export function fakeSiteverify(): FakeSiteverify {
  const fake: FakeSiteverify = { asked: [], reply: {} };
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init = {}) => {
    if (input !== SITEVERIFY_URL || init.method !== "POST") throw new Error(`Siteverify is at ${SITEVERIFY_URL}`);
    const asked = JSON.parse(typeof init.body === "string" ? init.body : "") as Asked;
    fake.asked.push(asked);
    if (typeof fake.reply === "function") return fake.reply(init);
    const [, cdata] = asked.response.split(" ");
    const good = { success: true, hostname: "shop.example", action: "sluice-token", cdata, "error-codes": [] };
    return Response.json({ ...good, challenge_ts: "2026-11-22T00:00:00Z", ...fake.reply });
  });
  return fake;
}
