/**
 * The call to Turnstile's siteverify (https://developers.cloudflare.com/turnstile/get-started/server-side-validation/).
 *
 * What comes back is believed only as JSON of the known shape with status 200, within the time budget. Redirects are not
 * followed: the secret goes to the configured address and nowhere else.
 */
import * as v from "valibot";
import type { TurnstileConfig } from "./challenge-config.ts";

/** Why there is no answer; for the operator's log. */
export interface Unavailable {
  readonly unavailable: "timeout" | "unreachable" | "status" | "not-json" | "shape" | "secret" | "internal-error";
}

const ANSWER = v.object({
  success: v.boolean(),
  hostname: v.optional(v.string()),
  action: v.optional(v.string()),
  cdata: v.optional(v.string()),
  "error-codes": v.optional(v.array(v.string()), []),
});

export type Siteverified = v.InferOutput<typeof ANSWER>;

/** Errors that say nothing about the token: it may be asked about again. */
const NOT_THE_TOKENS_FAULT: ReadonlyMap<string, Unavailable["unavailable"]> = new Map([
  ["missing-input-secret", "secret"],
  ["invalid-input-secret", "secret"],
  ["internal-error", "internal-error"],
]);

export async function askSiteverify(config: TurnstileConfig, token: string): Promise<Siteverified | Unavailable> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(config.siteverifyUrl, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        secret: config.secret,
        response: token,
        idempotency_key: await idempotencyKeyOf(token),
      }),
      redirect: "manual",
      signal: AbortSignal.timeout(config.timeoutMs),
    });
    text = await response.text();
  } catch (fault) {
    return { unavailable: fault instanceof Error && fault.name === "TimeoutError" ? "timeout" : "unreachable" };
  }
  if (response.status !== 200) return { unavailable: "status" };
  return parseAnswer(text);
}

function parseAnswer(text: string): Siteverified | Unavailable {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { unavailable: "not-json" };
  }
  const parsed = v.safeParse(ANSWER, body);
  if (!parsed.success) return { unavailable: "shape" };
  const codes = parsed.output["error-codes"].map((code) => NOT_THE_TOKENS_FAULT.get(code));
  const unavailable = parsed.output.success ? undefined : codes.find((reason) => reason !== undefined);
  return unavailable === undefined ? parsed.output : { unavailable };
}

/** A UUID in the form of version 4, the same for the same token: asking twice about one is one question. */
async function idempotencyKeyOf(token: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))).slice(0, 16);
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x40;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  return digest.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
