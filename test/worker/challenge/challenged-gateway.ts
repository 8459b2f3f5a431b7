/** A small app with nothing but the challenge stage: buyer, product, round and gateway are what a test says they are. */
import { env } from "cloudflare:workers";
import { Hono } from "hono";
import { solveChallenge } from "altcha-lib";
import { deriveKey } from "altcha-lib/algorithms/web/pbkdf2";
import type { ProductView } from "../../../durable-objects/product/protocol.ts";
import { burnInLimiter, type Burn } from "../../../src/challenge/burn.ts";
import type { ChallengeConfig } from "../../../src/challenge/challenge-config.ts";
import type { Demand } from "../../../src/challenge/demand.ts";
import type { ChallengeKind } from "../../../src/challenge/kinds.ts";
import type { Question } from "../../../src/challenge/question.ts";
import { requireChallenge } from "../../../src/challenge/require-challenge.ts";
import type { Config } from "../../../src/config.ts";
import type { BuyerEnv } from "../../../src/context.ts";
import { way } from "../../../src/way.ts";

export const PEAK: Question = {
  id: "question-of-the-peak",
  question: { en: "Which of these is a mountain?", zh: "下列哪一个是山？" },
  input: "choice",
  options: [
    { en: "Amazon", zh: "亚马逊" },
    { en: "Kilimanjaro", zh: "乞力马扎罗" },
    { en: "Sahara", zh: "撒哈拉" },
    { en: "Baikal", zh: "贝加尔" },
  ],
  right: 1,
};
export const CODE: Question = {
  id: "question-of-the-code",
  question: { en: "Which code was announced?", zh: "公布的口令是什么？" },
  input: "text",
  codes: ["Moon 42"],
};

export const SITEVERIFY_URL = "https://siteverify.test/siteverify";

export const CONFIG: ChallengeConfig = {
  lifetimeMs: 120_000,
  keys: [
    { kid: "one", secret: new Uint8Array(32).fill(1), notBefore: 0, notAfter: Number.MAX_SAFE_INTEGER },
    { kid: "other", secret: new Uint8Array(32).fill(2), notBefore: 0, notAfter: 1 },
  ],
  // Little work: what is tested is the door, not the price.
  pow: { iterations: 100, trialsLeast: 10, trialsMost: 20, fullPressurePerSecond: 1e6, harderFactor: 4 },
  quiz: [PEAK],
  turnstile: {
    siteKey: "0xSITE",
    secret: "siteverify-secret",
    hostnames: ["shop.example"],
    action: "sluice-token",
    siteverifyUrl: SITEVERIFY_URL,
    timeoutMs: 50,
  },
};

/** All the time that a healthy store may need on a busy machine. */
export const PATIENT = burnInLimiter({ budgetMs: 5000 });

export interface Asker {
  readonly buyer?: string;
  readonly product?: string;
  readonly round?: number;
  readonly gateway?: string;
  readonly kind?: ChallengeKind;
  readonly demand?: Demand;
  readonly config?: ChallengeConfig;
  readonly burn?: Burn;
  /** One stage for several requests: it remembers how hard it is pressed. */
  readonly stage?: ReturnType<typeof requireChallenge>;
  /** Instead of the real bindings. */
  readonly bindings?: object;
  readonly query?: string;
  readonly language?: string;
}

export interface Told {
  readonly status: number;
  readonly code: string;
  readonly challenge: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** One token request of an asker, with the answer to a challenge or without. */
export async function ask(asker: Asker, answer?: unknown): Promise<Told> {
  const { buyer = "buyer-1", product = "product-1", round = 1, gateway = "gateway-1", kind = "pow" } = asker;
  const app = new Hono<BuyerEnv & { Variables: { product: ProductView; demand: Demand } }>();
  app.use(async (c, next) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the stage reads nothing else of it
    c.set("config", { challenge: asker.config ?? CONFIG, gateway: { name: gateway } } as Partial<Config> as Config);
    c.set("buyer", { id: buyer, claims: {} });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the stage reads nothing else of it
    c.set("product", { id: product, round, challenges: [kind] } as Partial<ProductView> as ProductView);
    if (asker.demand !== undefined) c.set("demand", asker.demand);
    await next();
  });
  const stage = asker.stage ?? requireChallenge({ burn: asker.burn ?? PATIENT });
  app.post(
    "/tokens",
    way(stage, (c) => c.json({ code: "token" }, 201)),
  );
  const response = await app.request(
    `/tokens${asker.query ?? ""}`,
    {
      method: "POST",
      body: JSON.stringify(answer === undefined ? {} : { challenge: answer }),
      headers: asker.language === undefined ? {} : { "Accept-Language": asker.language },
    },
    asker.bindings ?? env,
  );
  const text = await response.text();
  return {
    status: response.status,
    challenge: {},
    text,
    ...(text.startsWith("{") ? JSON.parse(text) : { code: text }),
  };
}

/** What an asker is given to solve. */
export async function challengeFor(asker: Asker): Promise<Readonly<Record<string, unknown>>> {
  const told = await ask(asker);
  if (told.code !== "challenge-required") throw new Error(`A challenge must be put, and the answer is ${told.text}`);
  return told.challenge;
}

export interface PowPuzzle {
  readonly parameters: Readonly<Record<string, unknown>> & { readonly data: Readonly<Record<string, unknown>> };
  readonly signature: string;
}

export async function solvePow(challenge: Readonly<Record<string, unknown>>) {
  const puzzle = challenge["challenge"] as PowPuzzle;
  const solution = await solveChallenge({ challenge: puzzle as never, deriveKey });
  if (solution === null) throw new Error("The proof of work must be found");
  return { kind: "pow", challenge: puzzle, solution } as const;
}

/** The right answer of a kind: for Turnstile the fake siteverify is told the ticket's id by the token itself. */
export async function solve(challenge: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, unknown>>> {
  const { kind, ticket } = challenge;
  if (kind === "pow") return solvePow(challenge);
  if (kind === "turnstile") return { kind, ticket, token: `token ${String(challenge["cData"])}` };
  const options = challenge["options"] as readonly string[] | undefined;
  return {
    kind,
    ticket,
    answer: options === undefined ? "moon 42" : Math.max(options.indexOf("Kilimanjaro"), options.indexOf("乞力马扎罗")),
  };
}
