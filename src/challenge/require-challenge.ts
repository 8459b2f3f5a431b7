/**
 * The challenge stage: where one is demanded, only the right answer to it goes on to the token, once.
 *
 * It stands behind identity and the buyer's limits (every challenge is made for a proven buyer, and is not to be had without
 * end), and right before the token, so that what is used up here is not lost to a later refusal.
 */
import type { Context } from "hono";
import * as v from "valibot";
import type { ProductView } from "../../durable-objects/product/protocol.ts";
import { readJson } from "../body.ts";
import type { BuyerEnv } from "../context.ts";
import { refuse } from "../problem.ts";
import type { Next } from "../way.ts";
import { type ChallengeAnswer, challengeAnswer } from "./answers.ts";
import type { VerifyContext } from "./attempt.ts";
import type { Burn } from "./burn.ts";
import { issue, verify } from "./challenge.ts";
import { LIFETIME_SECONDS_MAX } from "./challenge-config.ts";
import { type Demand, decideKind } from "./demand.ts";
import { decideLanguage } from "./languages.ts";
import { addRequest, NO_PRESSURE, pressureAt } from "./pressure.ts";

interface ChallengeEnv extends BuyerEnv {
  Variables: BuyerEnv["Variables"] & {
    product: ProductView;
    /** Set by a risk stage before this one. @default "normal" */
    demand?: Demand;
  };
}

export interface RequireChallengeOptions {
  readonly burn: Burn;
}

/**
 * How long an id stays burned: longer than any challenge lives, whatever `lifetime_seconds` is changed to meanwhile, and
 * by a minute more than the clocks of isolate and object may differ. Always the same, see `burnInLimiter`.
 */
export const BURN_MS = (LIFETIME_SECONDS_MAX + 60) * 1000;

/** The token request's body, as far as this stage reads it. */
const REQUEST = v.strictObject({ challenge: v.optional(challengeAnswer) });

export function requireChallenge({ burn }: RequireChallengeOptions) {
  let pressure = NO_PRESSURE;

  return async function refuseWithoutChallenge(c: Context<ChallengeEnv>, next: Next): Promise<Response> {
    const now = Date.now();
    pressure = addRequest(pressure, now);
    const { id: productId, round, challenges } = c.get("product");
    const demand = c.get("demand") ?? "normal";
    const kind = decideKind(challenges, demand);
    if (kind === null) return next(c);

    const body = await readJson(c, REQUEST, {});
    if (!body.ok) return refuse(c, body.refusal);
    const { challenge: config, gateway } = c.get("config");
    const context: VerifyContext = {
      config,
      binding: { gateway: gateway.name, buyerId: c.get("buyer").id, productId, round },
      harder: demand === "harder",
      pressurePerSecond: pressureAt(pressure, now),
      language: decideLanguage(c.req.query("lang"), c.req.header("Accept-Language")),
      now,
      burn: (id) => burn(c.env, id, BURN_MS),
    };
    const answer = body.value.challenge;
    if (answer?.kind !== kind || isForLess(answer, demand)) {
      c.set("countsAlone", true);
      return refuse(c, { code: "challenge-required", challenge: await issue(kind, context) });
    }
    const verdict = await verify(answer, context);
    if (!verdict.ok) return refuse(c, verdict.refusal);
    c.set("countsAlone", true);
    return next(c);
  };
}

/**
 * What was solved before more was asked: another buyer behind the same address may have changed that meanwhile, so its buyer is
 * told what to solve now, as if he had not answered, and not that he failed. Where he lies about it, the signature tells.
 */
function isForLess(answer: ChallengeAnswer, demand: Demand): boolean {
  return demand === "harder" && answer.kind === "pow" && !answer.challenge.parameters.data.harder;
}
