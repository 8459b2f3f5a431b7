/** Challenges in the whole gateway: a product that asks for one, real identities, the demo's keys. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  bearer,
  call,
  checkOut,
  gatewayWith,
  makeAddress,
  makeBuyer,
  putProduct,
  type Ticket,
} from "../../support/worker/gateway.ts";
import { solvePow } from "./challenged-gateway.ts";

type Fields = Readonly<Record<string, unknown>>;

const LIMITS = env.LIMITS as { readonly policies: Readonly<Record<string, object>> };

afterEach(() => {
  vi.restoreAllMocks();
});

async function askToken(id: string, buyer: string, challenge?: unknown, query = "") {
  return call(`/v1/products/${id}/tokens${query}`, {
    headers: await bearer(buyer),
    body: challenge === undefined ? {} : { challenge },
  });
}

/** A refusal's code; of a token: `token`. */
function codeOf({ code }: Fields): string {
  return typeof code === "string" ? code : "token";
}

describe("POST /v1/products/{id}/tokens with a challenge", () => {
  it("T11 puts a proof of work, and gives a token for it", async () => {
    const [id, buyer] = [await putProduct({ challenges: ["pow"] }), makeBuyer()];
    const asked = await askToken(id, buyer);
    expect(asked.status).toBe(403);
    expect(asked.headers.get("Content-Type")).toBe("application/problem+json");
    expect(asked.headers.get("Cache-Control")).toBe("no-store");
    expect(asked.body).toMatchObject({ code: "challenge-required", type: "/problems/challenge-required" });
    const answered = await askToken(id, buyer, await solvePow(asked.body["challenge"] as Fields));
    expect(answered.status).toBe(201);
    expect((await checkOut(answered.body as unknown as Ticket)).status).toBe(202);
  });

  it("T11 gives one token for one answer, however many ask at once", async () => {
    const [id, buyer] = [await putProduct({ challenges: ["pow"] }), makeBuyer()];
    const answer = await solvePow((await askToken(id, buyer)).body["challenge"] as Fields);
    // A buyer may ask ten times a minute: nine are left.
    const told = await Promise.all(Array.from({ length: 9 }, () => askToken(id, buyer, answer)));
    expect(told.map(({ body }) => codeOf(body)).toSorted()).toEqual([
      ...Array<string>(8).fill("challenge-failed"),
      "token",
    ]);
  });

  it("T11 puts a question in the buyer's language, once", async () => {
    const [id, buyer] = [await putProduct({ challenges: ["quiz"] }), makeBuyer()];
    const first = (await askToken(id, buyer, undefined, "?lang=zh")).body["challenge"] as Fields;
    expect(first).toMatchObject({ kind: "quiz", language: "zh", question: "下列哪一个是山？" });
    const place = (first["options"] as string[]).indexOf("乞力马扎罗");
    const wrong = { kind: "quiz", ticket: first["ticket"], answer: (place + 1) % 4 };
    expect((await askToken(id, buyer, wrong)).body["code"]).toBe("challenge-failed");
    expect((await askToken(id, buyer, { ...wrong, answer: place })).body["code"]).toBe("challenge-failed");
    const second = (await askToken(id, buyer)).body["challenge"] as Fields;
    const right = (second["options"] as string[]).indexOf("Kilimanjaro");
    expect((await askToken(id, buyer, { kind: "quiz", ticket: second["ticket"], answer: right })).status).toBe(201);
  });

  it("T7 lets a campus behind one address through: 31 buyers of two requests each, where 60 a minute are counted", async () => {
    const [id, address] = [await putProduct({ challenges: ["pow"], stock: 100 }), makeAddress()];
    async function ask(buyer: string, challenge?: unknown) {
      const body = challenge === undefined ? {} : { challenge };
      return call(`/v1/products/${id}/tokens`, { headers: await bearer(buyer), body, address });
    }
    const codes = new Set<string>();
    for (let index = 0; index < 31; index++) {
      const buyer = makeBuyer();
      const asked = await ask(buyer);
      codes.add(codeOf(asked.body));
      codes.add(codeOf((await ask(buyer, await solvePow(asked.body["challenge"] as Fields))).body));
    }
    expect([...codes]).toEqual(["challenge-required", "token"]);
  }, 30_000);

  it("T7 T16 lets 120 buyers at the same time through behind one address, where 60 a minute are counted", async () => {
    vi.spyOn(console, "info").mockReturnValue();
    // A quiz costs the test nothing to answer. All the time that healthy objects may need on a busy machine.
    const send = gatewayWith({ LIMITS: { ...LIMITS, store_timeout_ms: 5000 } });
    const [id, address] = [await putProduct({ challenges: ["quiz"], stock: 200 }), makeAddress()];
    async function ask(buyer: string, challenge?: unknown) {
      const body = challenge === undefined ? {} : { challenge };
      return send(`/v1/products/${id}/tokens`, { headers: await bearer(buyer), body, address });
    }
    const asked = await Promise.all(
      Array.from({ length: 120 }, async () => {
        const buyer = makeBuyer();
        return { buyer, ...(await ask(buyer)) };
      }),
    );
    expect(new Set(asked.map(({ body }) => codeOf(body)))).toEqual(new Set(["challenge-required"]));
    expect(asked[0]?.headers.get("RateLimit-Policy")).toContain(
      '"token-sieve";q=500;w=10, "token-per-buyer";q=10;w=60',
    );
    expect(asked[0]?.headers.get("RateLimit-Policy")).not.toContain("token-per-client");
    const answered = await Promise.all(
      asked.map(({ buyer, body }) => {
        const { ticket, options } = body["challenge"] as { readonly ticket: string; readonly options: string[] };
        return ask(buyer, { kind: "quiz", ticket, answer: options.indexOf("Kilimanjaro") });
      }),
    );
    // A mark of single use has a time budget of its own, a second, which a busy machine may not keep.
    const codes = answered.map(({ body }) => codeOf(body)).filter((code) => code !== "limiter-unavailable");
    expect(new Set(codes)).toEqual(new Set(["token"]));
  });

  it("T11 counts a wrong answer against its buyer, and gives his address no unit of the sieve back for it", async () => {
    const { policies } = LIMITS;
    const sieve = { ...policies["token-sieve"], limit: 3 };
    const send = gatewayWith({ LIMITS: { ...LIMITS, policies: { ...policies, "token-sieve": sieve } } });
    const [id, address, buyer] = [await putProduct({ challenges: ["quiz"] }), makeAddress(), makeBuyer()];
    const headers = await bearer(buyer);
    const codes: string[] = [];
    for (let attempt = 0; attempt < 4; attempt++) {
      const body = { challenge: { kind: "quiz", ticket: "made-up", answer: 0 } };
      codes.push(codeOf((await send(`/v1/products/${id}/tokens`, { headers, body, address })).body));
    }
    expect(codes).toEqual([...Array<string>(3).fill("challenge-failed"), "rate-limited"]);
    const elsewhere = await send(`/v1/products/${id}/tokens`, { headers, body: {} });
    expect(elsewhere.headers.get("RateLimit")).toContain('"token-per-buyer";r=6;');
  });

  it("T16 puts none to a stranger: identity and the buyer's limit come first", async () => {
    const id = await putProduct({ challenges: ["pow"] });
    expect((await call(`/v1/products/${id}/tokens`, { method: "POST" })).body["code"]).toBe("identity-required");
    const buyer = makeBuyer();
    const address = makeAddress();
    const codes: unknown[] = [];
    for (let attempt = 0; attempt < 11; attempt += 1) {
      const answer = await call(`/v1/products/${id}/tokens`, { method: "POST", address, headers: await bearer(buyer) });
      codes.push(answer.body["code"]);
    }
    expect(codes).toEqual([...Array<string>(10).fill("challenge-required"), "rate-limited"]);
  });

  it.each([[["riddle"]], [["pow", "pow"]], ["pow"], [[1]]])(
    "a product asks for no challenge like %j",
    async (challenges) => {
      await expect(putProduct({ challenges })).rejects.toThrow("invalid-request");
    },
  );

  it("a product asks for no challenge that the gateway is not set up for", async () => {
    await expect(putProduct({ challenges: ["pow", "turnstile"] })).rejects.toThrow(
      /challenges\.1.*CHALLENGE\.turnstile is missing/,
    );
  });

  it("says at once which challenges a product asks for", async () => {
    const id = await putProduct({ challenges: ["pow", "quiz"] });
    expect((await call(`/v1/products/${id}`)).body["challenges"]).toEqual(["pow", "quiz"]);
  });
});
