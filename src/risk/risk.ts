/**
 * The risk stage: before a token is handed out to a proven buyer, how does this look? Eligibility rules close the door;
 * risk only makes it heavier: a challenge, a harder one, a wait, and at the very end no token.
 *
 * Which signals fired is for the operator's log alone. A client that is denied is told `not-eligible`, like one whom a rule keeps out.
 */
import type { Context } from "hono";
import type { Config } from "../config.ts";
import type { BuyerEnv } from "../context.ts";
import { logEvent } from "../log.ts";
import { refuse } from "../problem.ts";
import { wait } from "../waiting.ts";
import type { Next } from "../way.ts";
import type { CountedAlong } from "./accounts-along.ts";
import { readAccount } from "./claims.ts";
import { clientMemoryOf } from "./client-memory.ts";
import { decideRisk, isEligible, type Observation, type RiskDecision } from "./decide-risk.ts";
import { type CountAccounts, observeAccounts } from "./observe-accounts.ts";
import type { RiskConfig } from "./risk-config.ts";

/** What the signals need of a user agent, in characters. */
const USER_AGENT_LENGTH_MAX = 256;

export interface RiskOptions {
  readonly countAccounts: CountAccounts;
  /** The object in which everything of an address is counted. */
  readonly objectOfAddress: (limits: Config["limits"], address: string) => Promise<string>;
  /** The TLS fingerprint in what the platform says of a connection (`request.cf`), where the plan has it. */
  readonly fingerprintOf: (cf: unknown) => string | undefined;
}

type RiskEnv = BuyerEnv & {
  Variables: BuyerEnv["Variables"] & { demand: "none" | "normal" | "harder"; allowed?: boolean } & CountedAlong;
};

/** Sets `demand`, or refuses with `not-eligible`. */
export function weighRisk(options: RiskOptions) {
  return async function weighRiskOfRequest(c: Context<RiskEnv>, next: Next): Promise<Response> {
    const { risk } = c.get("config");
    const now = Date.now();
    const account = readAccount(c.get("buyer").claims, risk.claims, now);
    if (!isEligible(account, risk.eligibility)) return refuse(c, { code: "not-eligible" });
    if (risk.mode === "off") return next(c);
    const decision = decideRisk({ ...(await observe(c, risk, options, now)), ...account }, risk);
    explain(c, decision, risk);
    if (risk.mode === "enforce") {
      if (decision.action === "deny") {
        clientMemoryOf(risk).refused(c.get("client").key, now);
        return refuse(c, { code: "not-eligible" });
      }
      if (decision.action === "delay") await wait(risk.delayMs);
      if (decision.action !== "allow") c.set("demand", decision.action === "challenge" ? "normal" : "harder");
    }
    const answer = await next(c);
    if (answer.status >= 400) clientMemoryOf(risk).refused(c.get("client").key, now);
    return answer;
  };
}

type Observed = Omit<Observation, "accountAgeDays" | "level" | "verified">;

async function observe(c: Context<RiskEnv>, risk: RiskConfig, options: RiskOptions, now: number): Promise<Observed> {
  const [client, buyer] = [c.get("client"), c.get("buyer")];
  const remembered = clientMemoryOf(risk).meet(client.key, buyer.id, now);
  const cf = c.req.raw.cf as { readonly botManagement?: { readonly score?: unknown } } | undefined;
  const botScore = cf?.botManagement?.score;
  const fingerprint = options.fingerprintOf(c.req.raw.cf);
  const question = {
    address: client.key,
    objectOfAddress: () => options.objectOfAddress(c.get("config").limits, client.key),
    countedAlong: c.get("countedAlong"),
    fingerprint,
    buyerId: buyer.id,
    now,
  };
  return {
    ...(await observeAccounts(options.countAccounts, c.env, risk, question)),
    recentIds: remembered.ids,
    refusals: remembered.refusals,
    fastestCheckoutMs: remembered.fastestCheckoutMs,
    suspects: c.get("suspects") ?? [],
    headers: c.req.raw.headers,
    userAgent: (c.req.header("User-Agent") ?? "").slice(0, USER_AGENT_LENGTH_MAX),
    botScore: typeof botScore === "number" ? botScore : null,
    isAllowed: c.get("allowed") ?? false,
  };
}

/** Every decision that is more than a pass, with its reasons. */
function explain(c: Context<RiskEnv>, { action, score, hits }: RiskDecision, risk: RiskConfig): void {
  if (action === "allow") return;
  const signals = Object.fromEntries(hits.map((signal) => [signal, risk.signals[signal].weight]));
  // Which lists it was, where that is among the reasons.
  const suspects = hits.includes("list-hit") ? { suspects: c.get("suspects") } : {};
  logEvent("info", "risk", { requestId: c.get("requestId"), mode: risk.mode, action, score, signals, ...suspects });
}
