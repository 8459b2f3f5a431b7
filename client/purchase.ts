/**
 * One click's way to an order: a purchase token, then the checkout, both repeated where that is safe.
 *
 * The token is kept until its fate is known. After a lost answer the same token is sent again, and finds the order it may
 * have made (F2); a second token is never asked for while one may still be on its way. Two clicks at once are one purchase.
 */
import type { Order, Product, PurchaseToken } from "./documents.ts";
import type { Gateway } from "./gateway.ts";
import type { Outcome, Refusal, RefusalCode } from "./outcome.ts";
import { pause, type Platform } from "./platform.ts";
import { decideRetry } from "./retry.ts";

/** A purchase token and what was asked with it. */
export interface Attempt {
  readonly productId: string;
  readonly token: PurchaseToken;
  readonly quantity: number;
  /** `unknown`: it was sent and no answer came, so that an order may exist. `unspent`: certainly no order came of it. */
  readonly fate: "unknown" | "unspent";
}

export interface PurchaseOptions {
  readonly gateway: Gateway;
  readonly platform: Platform;
  /** The gateway's time, if known. */
  readonly now: () => number | undefined;
  /** An attempt whose fate was unknown when the page was left. */
  readonly attempt?: Attempt;
  /** Called before a token is sent and when its fate is known, so that it outlives a reload. */
  readonly onAttempt?: (attempt: Attempt | undefined) => void;
  /** Called when a call is about to be repeated. */
  readonly onRetry?: (refusal: Refusal) => void;
  /**
   * Solves what a `challenge-required` refusal carries, into what the token request takes. Without it, or where it rejects, such a
   * refusal is the outcome.
   */
  readonly solveChallenge?: (challenge: unknown) => Promise<unknown>;
}

export interface Purchase {
  /** Buys; joins the purchase that is under way, if there is one. */
  readonly buy: (product: Product, quantity: number) => Promise<Outcome<Order>>;
  /** Whether a token was sent whose answer never came. */
  readonly isFateUnknown: () => boolean;
}

/** A token that has less time left than this is not worth sending. Milliseconds. */
const TOKEN_MARGIN_MS = 3_000;

/** Challenges that one click solves: a second one where the first was used up by an answer that was lost. */
const MOST_CHALLENGES = 2;

/** Refusals that leave the token as good as it was. */
const TOKEN_SURVIVES: ReadonlySet<RefusalCode> = new Set([
  "proof-required",
  "hold-open",
  "hoarding",
  "held-out",
  "paused",
  "too-early",
  "rate-limited",
  "limiter-unavailable",
  "overloaded",
]);
/** Refusals after which it is unknown whether the gateway acted. */
const FATE_UNKNOWN: ReadonlySet<RefusalCode> = new Set(["network", "unexpected"]);
/** Refusals of the token itself. */
const TOKEN_REFUSED: ReadonlySet<RefusalCode> = new Set(["token-expired", "token-invalid", "gate-invalid"]);

export function createPurchase(options: PurchaseOptions): Purchase {
  const { gateway, platform, now, onAttempt, onRetry, solveChallenge } = options;
  let attempt = options.attempt;
  let inFlight: Promise<Outcome<Order>> | undefined;

  function keep(next: Attempt | undefined): void {
    attempt = next;
    onAttempt?.(next);
  }

  async function repeat<Value>(ask: () => Promise<Outcome<Value>>, onRepeat?: () => void): Promise<Outcome<Value>> {
    for (let repeats = 0; ; repeats += 1) {
      const outcome = await ask();
      if (outcome.code === "ok") return outcome;
      const delayMs = decideRetry(outcome, repeats, now(), platform.random());
      if (delayMs === undefined) return outcome;
      onRetry?.(outcome);
      onRepeat?.();
      await pause(platform, delayMs);
    }
  }

  async function obtainToken(product: Product): Promise<Outcome<PurchaseToken>> {
    let answer: unknown;
    for (let solved = 0; ; ) {
      let wasRepeated = false;
      const outcome = await repeat(
        () => gateway.token(product, answer),
        () => {
          wasRepeated = true;
        },
      );
      // The answer that was lost may have been the good one: its challenge is used up then, and another is asked for.
      const wasUsedUp = outcome.code === "challenge-failed" && wasRepeated;
      if (wasUsedUp && solved < MOST_CHALLENGES) {
        answer = undefined;
        continue;
      }
      if (outcome.code !== "challenge-required" || solved === MOST_CHALLENGES) return outcome;
      answer = await solve(outcome.challenge);
      if (answer === undefined) return outcome;
      solved += 1;
    }
  }

  /** Undefined: the buyer left it, or it cannot be solved here. */
  async function solve(challenge: unknown): Promise<unknown> {
    try {
      return await solveChallenge?.(challenge);
    } catch {
      return undefined;
    }
  }

  async function send({ productId, token, quantity }: Attempt): Promise<Outcome<Order>> {
    // Recorded before it is sent: if the page dies now, the token is what leads back to the order.
    keep({ productId, token, quantity, fate: "unknown" });
    const outcome = await repeat(() => gateway.checkout(productId, token, quantity));
    if (outcome.code === "ok") keep(undefined);
    else if (TOKEN_SURVIVES.has(outcome.code)) keep({ productId, token, quantity, fate: "unspent" });
    else if (!FATE_UNKNOWN.has(outcome.code)) keep(undefined);
    return outcome;
  }

  async function run(product: Product, quantity: number): Promise<Outcome<Order>> {
    const kept = attempt;
    if (kept !== undefined && isWorthSending(kept, product, quantity, now())) {
      const outcome = await send(kept);
      if (kept.fate === "unknown" || outcome.code === "ok" || !TOKEN_REFUSED.has(outcome.code)) return outcome;
    }
    const token = await obtainToken(product);
    if (token.code !== "ok") return token;
    return send({ productId: product.id, token: token.value, quantity, fate: "unspent" });
  }

  return {
    buy: (product, quantity) => {
      inFlight ??= run(product, quantity).finally(() => {
        inFlight = undefined;
      });
      return inFlight;
    },
    isFateUnknown: () => attempt?.fate === "unknown",
  };
}

/**
 * Whether the kept token comes before a new one. One of unknown fate always does, with the quantity it was sent with:
 * only it can tell what came of it.
 */
function isWorthSending(attempt: Attempt, product: Product, quantity: number, now: number | undefined): boolean {
  if (attempt.productId !== product.id) return false;
  if (attempt.fate === "unknown") return true;
  return attempt.quantity === quantity && now !== undefined && now + TOKEN_MARGIN_MS < attempt.token.expiresAt;
}
