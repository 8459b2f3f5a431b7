/**
 * Turnstile: Cloudflare's check in the page, asked about on the server (T12).
 *
 * The widget is given the ticket's id as `cData`, and siteverify tells it back: so a token is good with this ticket only, and with
 * it for one buyer, product and round. Success, hostname, action and cData must all agree. The ticket is burned here,
 * whatever Cloudflare remembers. Anything but a clear yes is a no; where siteverify cannot be asked the answer is `overloaded`, and
 * the same token may come again, for which the idempotency key is there.
 */
import type { TurnstileAnswer } from "./answers.ts";
import { type ChallengeContext, FAILED, type VerifyContext, spend, type Verdict } from "./attempt.ts";
import type { TurnstileConfig } from "./challenge-config.ts";
import { refused } from "../result.ts";
import { logEvent } from "../log.ts";
import { askSiteverify } from "./siteverify.ts";
import { openTicket, sealTicket } from "./ticket.ts";

/** What a client is asked to wait when siteverify could not be asked. Seconds. */
const RETRY_AFTER_SECONDS = 1;

export async function issueTurnstile(context: ChallengeContext): Promise<Readonly<Record<string, unknown>>> {
  const { config, binding, now } = context;
  const { siteKey, action } = requireTurnstile(context);
  const ticket = await sealTicket(config.keys, "turnstile", binding, null, config.lifetimeMs, now);
  return { kind: "turnstile", expiresAt: ticket.expiresAt, ticket: ticket.text, siteKey, action, cData: ticket.id };
}

export async function verifyTurnstile({ ticket, token }: TurnstileAnswer, context: VerifyContext): Promise<Verdict> {
  const { config, binding, now } = context;
  const opened = await openTicket(config.keys, "turnstile", binding, ticket, now);
  if (opened === null) return FAILED;
  const turnstile = requireTurnstile(context);
  const told = await askSiteverify(turnstile, token);
  if ("unavailable" in told) {
    logEvent("error", "turnstile-unavailable", { reason: told.unavailable });
    return refused({
      code: "overloaded",
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      detail: "The challenge cannot be verified at present",
    });
  }
  const fault = decideFault(told, turnstile, opened.id);
  if (fault !== null) {
    logEvent("warn", "turnstile-refused", { reason: fault });
    return FAILED;
  }
  return spend(context, opened.id);
}

/** What siteverify said of a token, as far as it is believed. */
export interface SiteverifyAnswer {
  readonly success: boolean;
  readonly hostname?: string | undefined;
  readonly action?: string | undefined;
  readonly cdata?: string | undefined;
}

/** Which part of the answer is not as it must be; null: all is well. Pure. */
export function decideFault(
  told: SiteverifyAnswer,
  { hostnames, action }: Pick<TurnstileConfig, "hostnames" | "action">,
  ticketId: string,
): "success" | "hostname" | "action" | "cdata" | null {
  if (!told.success) return "success";
  if (told.hostname === undefined || !hostnames.includes(told.hostname)) return "hostname";
  if (told.action !== action) return "action";
  return told.cdata === ticketId ? null : "cdata";
}

function requireTurnstile({ config }: ChallengeContext): TurnstileConfig {
  if (config.turnstile === null) throw new Error("Turnstile is asked for, and CHALLENGE.turnstile is missing");
  return config.turnstile;
}
