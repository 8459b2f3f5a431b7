/**
 * The ticket of a quiz or a Turnstile challenge: what the gateway has to know again when the answer comes, sealed for itself.
 *
 * An encrypted JWT (RFC 7516: `dir`, A256GCM) by jose. Encrypted rather than signed, because which question it was and
 * how its options lie would help whoever collects them. It is bound to gateway, buyer, product and round, it ends, and
 * its id is what is burned: another spelling of the same ticket has the same id.
 */
import { EncryptJWT, errors, jwtDecrypt } from "jose";
import * as v from "valibot";
import { readSegment } from "../jose-segment.ts";
import type { HmacKey } from "../keys/key-config.ts";
import { decideSigningKey, decideVerifyingKey } from "../keys/key-ring.ts";
import { type Binding, CHALLENGE_ID, isSameBinding, makeChallengeId } from "./binding.ts";
import { purposeKey } from "./purpose-key.ts";

const ALGORITHM = "dir";
const ENCRYPTION = "A256GCM";
const TYPE = "sluice-challenge+jwt";

/** Ours are about 600 characters with an ordinary buyer id, and below this with the longest. */
export const TICKET_LENGTH_MAX = 2048;
/** Five segments, the second of which is empty with `dir`; iv of 12 bytes, tag of 16. */
const COMPACT = /^([A-Za-z0-9_-]+)\.\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{21}[AQgw]$/;

const HEADER = v.strictObject({
  alg: v.literal(ALGORITHM),
  enc: v.literal(ENCRYPTION),
  typ: v.literal(TYPE),
  kid: v.string(),
});

const CLAIMS = v.strictObject({
  iss: v.string(),
  aud: v.string(),
  sub: v.string(),
  jti: v.pipe(v.string(), v.regex(CHALLENGE_ID)),
  exp: v.pipe(v.number(), v.safeInteger()),
  pid: v.string(),
  rnd: v.pipe(v.number(), v.safeInteger()),
  content: v.unknown(),
});

export type TicketKind = "quiz" | "turnstile";

export interface Sealed {
  readonly id: string;
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

export async function sealTicket(
  keys: readonly HmacKey[],
  kind: TicketKind,
  binding: Binding,
  content: unknown,
  lifetimeMs: number,
  now: number,
): Promise<Sealed> {
  const key = decideSigningKey(keys, now);
  if (key === null) throw new Error("No key of CHALLENGE_KEYS may be used now");
  const id = makeChallengeId();
  const expiresAt = Math.floor((now + lifetimeMs) / 1000);
  const text = await new EncryptJWT({ pid: binding.productId, rnd: binding.round, content })
    .setProtectedHeader({ alg: ALGORITHM, enc: ENCRYPTION, typ: TYPE, kid: key.kid })
    .setIssuer(binding.gateway)
    .setAudience(audienceOf(binding.gateway, kind))
    .setSubject(binding.buyerId)
    .setJti(id)
    .setExpirationTime(expiresAt)
    .encrypt(await purposeKey(key, "ticket"));
  return { id, text, expiresAt: expiresAt * 1000 };
}

/** What is in a ticket of ours, of this kind, for this binding, whose time is not over. Null: it is not such a one. */
export async function openTicket(
  keys: readonly HmacKey[],
  kind: TicketKind,
  binding: Binding,
  text: string,
  now: number,
): Promise<{ readonly id: string; readonly content: unknown } | null> {
  const key = keyOf(keys, text, now);
  if (key === null) return null;
  try {
    const { payload } = await jwtDecrypt(text, await purposeKey(key, "ticket"), {
      keyManagementAlgorithms: [ALGORITHM],
      contentEncryptionAlgorithms: [ENCRYPTION],
      typ: TYPE,
      issuer: binding.gateway,
      audience: audienceOf(binding.gateway, kind),
      currentDate: new Date(now),
      clockTolerance: 0,
    });
    const claims = v.parse(CLAIMS, payload);
    const made = { gateway: claims.iss, buyerId: claims.sub, productId: claims.pid, round: claims.rnd };
    return isSameBinding(made, binding) ? { id: claims.jti, content: claims.content } : null;
  } catch (fault) {
    if (fault instanceof errors.JOSEError || fault instanceof v.ValiError) return null;
    throw fault;
  }
}

function keyOf(keys: readonly HmacKey[], text: string, now: number): HmacKey | null {
  const segment = text.length > TICKET_LENGTH_MAX ? undefined : COMPACT.exec(text)?.[1];
  if (segment === undefined) return null;
  const header = v.safeParse(HEADER, readSegment(segment));
  return header.success ? decideVerifyingKey(keys, header.output.kid, now) : null;
}

function audienceOf(gateway: string, kind: TicketKind): string {
  return `${gateway}/challenge/${kind}`;
}
