import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { app } from "../../../src/app.ts";
import { COPY_AGE_MAX_MS } from "../../../src/control/control-copy.ts";
import { ACCOUNTS_MAX, countAccounts } from "../../../src/risk/count-accounts.ts";
import {
  call,
  gatewayWith,
  makeAddress,
  makeBuyer,
  makeIdentity,
  operator,
  putProduct,
} from "../../support/worker/gateway.ts";

afterEach(() => {
  vi.useRealTimers();
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
  /** What Cloudflare says of the connection. */
  readonly cf?: Record<string, unknown>;
}

/** One request for a token at a gateway with its own rules. */
function makeGateway(productId: string) {
  const environments = new Map<string, object>();
  return async function ask({ buyerId = makeBuyer(), address = makeAddress(), claims = {}, risk = {}, cf }: Ask) {
    const key = JSON.stringify(risk);
    const vars = environments.get(key) ?? { ...env, RISK: { ...RISK, ...risk } };
    environments.set(key, vars);
    const headers = { Authorization: `Bearer ${await makeIdentity(buyerId, claims)}`, "CF-Connecting-IP": address };
    const init = { method: "POST", headers, ...(cf === undefined ? {} : { cf }) };
    const request = new Request(`https://gateway.test/v1/products/${productId}/tokens`, init);
    const response = await app.request(request, undefined, vars, context);
    return { status: response.status, body: await response.json<Record<string, unknown>>() };
  };
}

/** The lines of the log about risk, as an operator reads them. */
function readLog(log: { readonly mock: { readonly calls: readonly (readonly unknown[])[] } }, event: string) {
  const lines = log.mock.calls.map(([text]) => JSON.parse(String(text)) as Record<string, unknown>);
  return lines.filter((line) => line["event"] === event);
}

async function putOnLists(entries: readonly object[]) {
  return call("/v1/admin/lists", { headers: operator(), body: { entries } });
}

/** A token taken and checked out so many ms later, at a clock that stands still otherwise. */
async function buyAt(send: ReturnType<typeof gatewayWith>, productId: string, address: string, ageMs: number) {
  const headers = { Authorization: `Bearer ${await makeIdentity(makeBuyer("fast"))}` };
  const token = await send(`/v1/products/${productId}/tokens`, { headers, body: {}, address });
  if (token.status !== 201) return token;
  vi.setSystemTime(Date.now() + ageMs);
  const { checkoutUrl, token: text } = token.body;
  return send(String(checkoutUrl), { headers: { "Purchase-Token": String(text) }, body: { quantity: 1 }, address });
}

function addressOf(value: string) {
  return { kind: "address", value } as const;
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

describe("T7 accounts-per-fingerprint", () => {
  const risk = { signals: { "accounts-per-fingerprint": { weight: 100, threshold: 3 } } };

  it("counts buyers of one fingerprint behind many addresses, and denies from beyond the threshold on", async () => {
    const log = vi.spyOn(console, "info").mockReturnValue();
    const ask = makeGateway(await putProduct());
    const cf = { botManagement: { ja4: `t13d${crypto.randomUUID()}` } };
    const answers = [];
    for (let buyer = 0; buyer < 5; buyer++) answers.push(await ask({ risk, cf }));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 403, 403]);
    expect(answers[3]?.body["code"]).toBe("not-eligible");
    expect(JSON.stringify(answers[3]?.body)).not.toContain("fingerprint");
    expect(readLog(log, "risk")[0]).toMatchObject({ action: "deny", signals: { "accounts-per-fingerprint": 100 } });
    expect((await ask({ risk, cf: { botManagement: { ja4: `t13d${crypto.randomUUID()}` } } })).status).toBe(201);
  });

  it("takes JA3 where there is no JA4, and is silent where neither is known", async () => {
    vi.spyOn(console, "info").mockReturnValue();
    const ask = makeGateway(await putProduct());
    const ja3 = { botManagement: { ja3Hash: crypto.randomUUID() } };
    const statuses = [];
    for (const cf of [ja3, ja3, ja3, ja3]) statuses.push((await ask({ risk, cf })).status);
    for (const cf of [undefined, {}, { botManagement: {} }, {}, {}]) {
      statuses.push((await ask({ risk, ...(cf === undefined ? {} : { cf }) })).status);
    }
    expect(statuses).toEqual([201, 201, 201, 403, 201, 201, 201, 201, 201]);
  });
});

describe("T7 list-hit", () => {
  const CLIENT_ASN = 4_200_000_001;

  it("weighs what is on the list of suspects, and tells the operator alone which", async () => {
    const log = vi.spyOn(console, "info").mockReturnValue();
    const ask = makeGateway(await putProduct());
    const [buyerId, address] = [makeBuyer("suspect"), makeAddress()];
    const cf = { asn: CLIENT_ASN };
    const risk = { signals: { "list-hit": { weight: 100, threshold: 2 } } };
    const base = { list: "suspect", reason: "a secret reason", expiresInSeconds: 3600 };
    expect((await putOnLists([{ ...base, subject: "buyer", value: buyerId }])).status).toBe(200);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + COPY_AGE_MAX_MS });
    expect((await ask({ buyerId, address, cf, risk })).status).toBe(201);
    await putOnLists([{ ...base, subject: "asn", value: String(CLIENT_ASN) }]);
    vi.setSystemTime(Date.now() + COPY_AGE_MAX_MS);
    const denied = await ask({ buyerId, address, cf, risk });
    expect(denied).toMatchObject({ status: 403, body: { code: "not-eligible" } });
    expect(JSON.stringify(denied.body)).not.toMatch(/suspect|reason|asn/);
    expect(readLog(log, "risk")).toMatchObject([{ signals: { "list-hit": 100 }, suspects: ["asn", "buyer"] }]);
    // Another buyer of the same network has one hit, and is served.
    expect((await ask({ address, cf, risk })).status).toBe(201);
    await putOnLists([{ ...base, list: "allow", subject: "buyer", value: buyerId }]);
    vi.setSystemTime(Date.now() + COPY_AGE_MAX_MS);
    expect((await ask({ buyerId, address, cf, risk })).status).toBe(201);
  });
});

describe("T9 fast-checkout", () => {
  const RULES = { ...RISK, signals: { "fast-checkout": { weight: 100, threshold: 5 } } };

  it("lets the checkout through, and weighs on the same client's next token", async () => {
    const log = vi.spyOn(console, "info").mockReturnValue();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const send = gatewayWith({ RISK: RULES });
    const id = await putProduct();
    const address = makeAddress();
    expect((await buyAt(send, id, address, 5)).status).toBe(202);
    expect((await buyAt(send, id, address, 4)).status).toBe(202);
    expect(readLog(log, "fast-checkout")).toMatchObject([{ tokenAgeMs: 4 }]);
    const next = await buyAt(send, id, address, 50);
    expect(next).toMatchObject({ status: 403, body: { code: "not-eligible" } });
    expect(JSON.stringify(next.body)).not.toContain("fast");
    expect(readLog(log, "risk")).toMatchObject([{ action: "deny", signals: { "fast-checkout": 100 } }]);
    expect((await buyAt(send, id, makeAddress(), 50)).status).toBe(202);
  });

  it.each([
    ["risk is off", { ...RULES, mode: "off" }],
    ["the signal has no weight", { ...RULES, signals: { "fast-checkout": { weight: 0, threshold: 5 } } }],
    ["it is in the shadow", { ...RULES, mode: "shadow" }],
  ])("does nothing where %s", async (_, rules) => {
    vi.spyOn(console, "info").mockReturnValue();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const send = gatewayWith({ RISK: rules });
    const id = await putProduct();
    const address = makeAddress();
    for (let time = 0; time < 3; time++) expect((await buyAt(send, id, address, 0)).status).toBe(202);
  });

  it("F10 knows nothing of a token from the future: two clocks differ", async () => {
    const log = vi.spyOn(console, "info").mockReturnValue();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const send = gatewayWith({ RISK: RULES });
    const id = await putProduct();
    const address = makeAddress();
    expect((await buyAt(send, id, address, -3)).status).toBe(202);
    expect((await buyAt(send, id, address, 50)).status).toBe(202);
    expect(readLog(log, "fast-checkout")).toEqual([]);
  });
});

/** A limiter object of these tests' own. */
const OBJECT = "accounts-test";

describe("countAccounts", () => {
  it("counts every buyer of a client once, exactly, also when they come at once", async () => {
    const client = addressOf(makeAddress());
    const buyers = Array.from({ length: 20 }, (_, index) => `b-${index}`);
    await Promise.all([...buyers, ...buyers].map((buyerId) => countAccounts(env, OBJECT, client, buyerId, 60_000)));
    expect(await countAccounts(env, OBJECT, client, "b-0", 60_000)).toEqual({ accounts: 20, fullForMs: 0 });
    expect(await countAccounts(env, OBJECT, client, "b-20", 60_000)).toEqual({ accounts: 21, fullForMs: 0 });
    expect(await countAccounts(env, OBJECT, addressOf(makeAddress()), "b-0", 60_000)).toEqual({
      accounts: 1,
      fullForMs: 0,
    });
    const fingerprint = { kind: "fingerprint", value: client.value } as const;
    expect(await countAccounts(env, OBJECT, fingerprint, "b-0", 60_000)).toEqual({ accounts: 1, fullForMs: 0 });
  });

  it("says until when a full count stays full, and counts on then", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const start = Date.now();
    const client = { kind: "fingerprint", value: crypto.randomUUID() } as const;
    await countAccounts(env, OBJECT, client, "first", 60_000);
    vi.setSystemTime(start + 1000);
    const others = Array.from({ length: ACCOUNTS_MAX - 1 }, (_, index) => `b-${index}`);
    // So few at once that each has its answer within the signal's time, also on a busy machine.
    while (others.length > 0) {
      await Promise.all(others.splice(0, 50).map((buyerId) => countAccounts(env, OBJECT, client, buyerId, 60_000)));
    }
    const full = { accounts: ACCOUNTS_MAX, fullForMs: 59_000 };
    expect(await countAccounts(env, OBJECT, client, "late", 60_000)).toEqual(full);
    expect(await countAccounts(env, OBJECT, client, "b-0", 60_000)).toEqual(full);
    vi.setSystemTime(start + 60_000);
    expect(await countAccounts(env, OBJECT, client, "late", 60_000)).toEqual({ accounts: ACCOUNTS_MAX, fullForMs: 0 });
  });

  it("F9 says nothing when the store fails", async () => {
    vi.spyOn(console, "warn").mockReturnValue();
    const failing = { LIMITER: { getByName: () => ({ take: () => Promise.reject(new Error("down")) }) } };
    expect(await countAccounts(failing as unknown as Env, OBJECT, addressOf("c"), "b", 60_000)).toBeNull();
  });
});
