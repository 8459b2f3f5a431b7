import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { app } from "../../../src/app.ts";
import { countAccounts } from "../../../src/risk/count-accounts.ts";
import { makeAddress, makeBuyer, makeIdentity, putProduct } from "../../support/worker/gateway.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const DAY_SECONDS = 86_400;

const RISK = {
  mode: "enforce",
  window_seconds: 600,
  delay_ms: 0,
  steps: { deny: 100 },
  signals: {
    "young-account": { weight: 50, threshold: 7 },
    "patterned-ids": { weight: 50, threshold: 3 },
    "accounts-per-address": { weight: 50, threshold: 5 },
  },
  eligibility: { min_account_age_days: 0, min_level: 0, verified: [] },
  claims: { created_at: "created", level: "level", verified: "verified" },
};

const context = { waitUntil: (work: Promise<unknown>) => void work, passThroughOnException() {}, props: {} };

interface Ask {
  readonly buyerId?: string;
  readonly address?: string;
  readonly claims?: Record<string, unknown>;
  readonly risk?: Record<string, unknown>;
}

/** One request for a token at a gateway with its own rules. */
function makeGateway(productId: string) {
  const environments = new Map<string, object>();
  return async function ask({ buyerId = makeBuyer(), address = makeAddress(), claims = {}, risk = {} }: Ask) {
    const key = JSON.stringify(risk);
    const vars = environments.get(key) ?? { ...env, RISK: { ...RISK, ...risk } };
    environments.set(key, vars);
    const headers = { Authorization: `Bearer ${await makeIdentity(buyerId, claims)}`, "CF-Connecting-IP": address };
    const response = await app.request(`/v1/products/${productId}/tokens`, { method: "POST", headers }, vars, context);
    return { status: response.status, body: await response.json<Record<string, unknown>>() };
  };
}

const young = { created: Math.floor(Date.now() / 1000) - DAY_SECONDS };

describe("T7 risk", () => {
  it("denies what looks like accounts from a script, and tells the client nothing of why", async () => {
    const log = vi.spyOn(console, "info").mockReturnValue();
    const ask = makeGateway(await putProduct());
    const address = makeAddress();
    const prefix = makeBuyer("bulk");
    const answers = [];
    for (const number of [1, 2, 3, 4])
      answers.push(await ask({ buyerId: `${prefix}-${number}`, address, claims: young }));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 403, 403]);
    expect(answers[2]?.body["code"]).toBe("not-eligible");
    expect(JSON.stringify(answers[2]?.body)).not.toContain("patterned");
    const line = log.mock.calls.map(([text]) => JSON.parse(String(text))).find(({ event }) => event === "risk");
    expect(line).toMatchObject({ action: "deny", score: 100, signals: { "young-account": 50, "patterned-ids": 50 } });
  });

  it("in shadow mode decides, logs, and lets through", async () => {
    const log = vi.spyOn(console, "info").mockReturnValue();
    const ask = makeGateway(await putProduct());
    const risk = { mode: "shadow", steps: { deny: 50 } };
    expect((await ask({ claims: young, risk })).status).toBe(201);
    expect(log.mock.calls.some(([text]) => String(text).includes('"mode":"shadow"'))).toBe(true);
  });

  it("never locks out anybody else: an old account behind the same address gets its token", async () => {
    vi.spyOn(console, "info").mockReturnValue();
    const ask = makeGateway(await putProduct());
    const address = makeAddress();
    const prefix = makeBuyer("bulk");
    for (const number of [1, 2, 3]) await ask({ buyerId: `${prefix}-${number}`, address, claims: young });
    const old = { created: Math.floor(Date.now() / 1000) - 900 * DAY_SECONDS };
    expect((await ask({ address, claims: old })).status).toBe(201);
  });

  it("asks the shop's own rules of eligibility", async () => {
    const ask = makeGateway(await putProduct());
    const risk = { mode: "off", eligibility: { min_account_age_days: 30, min_level: 2, verified: ["phone"] } };
    expect((await ask({ risk })).body["code"]).toBe("not-eligible");
    const claims = { created: 1_000_000_000, level: 2, verified: ["phone"] };
    expect((await ask({ risk, claims })).status).toBe(201);
    expect((await ask({ risk, claims: { ...claims, level: 1 } })).body["code"]).toBe("not-eligible");
  });
});

describe("countAccounts", () => {
  it("counts every buyer of a client once, exactly, also when they come at once", async () => {
    const client = makeAddress();
    const buyers = Array.from({ length: 20 }, (_, index) => `b-${index}`);
    await Promise.all([...buyers, ...buyers].map((buyerId) => countAccounts(env, client, buyerId, 60_000)));
    expect(await countAccounts(env, client, "b-0", 60_000)).toBe(20);
    expect(await countAccounts(env, client, "b-20", 60_000)).toBe(21);
    expect(await countAccounts(env, makeAddress(), "b-0", 60_000)).toBe(1);
  });

  it("F9 says nothing when the store fails", async () => {
    vi.spyOn(console, "warn").mockReturnValue();
    const failing = { LIMITER: { getByName: () => ({ take: () => Promise.reject(new Error("down")) }) } };
    expect(await countAccounts(failing as unknown as Env, "c", "b", 60_000)).toBeNull();
  });
});
