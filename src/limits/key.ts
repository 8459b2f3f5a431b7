/**
 * The key under which a policy counts a request, and which part of it says where it is counted.
 *
 * Unambiguous: every part says its kind and its length, so that no buyer id, however hostile, can pass for another part.
 * Bounded: what is long or not plain is hashed, whole. A key is no secret, and nobody is recognised by it elsewhere.
 */
import { base64url } from "jose";
import type { Soon } from "../soon.ts";
import type { Origin } from "./origin.ts";
import type { KeyPart } from "./policy.ts";

/** Whom a request counts for, as far as it is known where the policy applies. */
export interface Subject {
  /** The client's key from the edge: an address, or `unknown`. */
  readonly client: string;
  /** Only where the buyer is proven. */
  readonly buyer?: string | undefined;
  /** From the path, not yet checked. */
  readonly product?: string | undefined;
  /** What the platform says of the connection, if anything. */
  readonly origin?: Origin;
}

/** Leading bits of an IPv6 address in the client's key as the edge makes it. */
export const EDGE_IPV6_PREFIX = 64;

/** The parts of one request's keys, made once for all its policies. */
export type SubjectParts = Readonly<Record<KeyPart, string>>;

/** Printable ASCII passes through JSON, SQLite and the platform's APIs as it is; 64 holds any UUID, address or slug. */
const PLAIN = /^[\x21-\x7e]{1,64}$/;
const PRODUCT_ID = /^[a-z0-9-]{1,64}$/;

/** One order of the parts, whatever the configuration's. */
const ORDER: readonly KeyPart[] = ["ip", "user", "product", "country", "asn", "fingerprint"];

/** By what a part begins: its kind. */
const LETTER: Readonly<Record<KeyPart, string>> = {
  ip: "i",
  user: "u",
  product: "p",
  country: "c",
  asn: "a",
  fingerprint: "f",
};

/** The one value that everybody shares of whom a part is not known. */
const UNKNOWN: SubjectParts = {
  ip: "i-:",
  user: "u-:",
  product: "p-:",
  country: "c-:",
  asn: "a-:",
  fingerprint: "f-:",
};

/** Whose a key is before all, most telling first. */
const OWNERS: readonly KeyPart[] = ["user", "ip", "fingerprint", "product", "asn", "country"];

/**
 * Given at once where all of it is plain, as it nearly always is.
 *
 * @param ipv6Prefix leading bits of an IPv6 address that are one client, 48 to 64.
 * @param wanted the parts that some key has; the others are as if nobody knew them. @default all
 */
export function partsOf(
  subject: Subject,
  ipv6Prefix: number = EDGE_IPV6_PREFIX,
  wanted: readonly KeyPart[] = ORDER,
): Soon<SubjectParts> {
  const parts: Record<KeyPart, string> = { ...UNKNOWN };
  let hashing: Promise<void>[] | undefined;
  for (const part of wanted) {
    const value = valueOf(part, subject, ipv6Prefix);
    if (value === undefined) continue;
    if (PLAIN.test(value)) parts[part] = `${LETTER[part]}${value.length}:${value}`;
    else (hashing ??= []).push(hash(value).then((digest) => void (parts[part] = `${LETTER[part]}#:${digest}`)));
  }
  return hashing === undefined ? parts : Promise.all(hashing).then(() => parts);
}

/** Undefined: not known. */
function valueOf(part: KeyPart, { client, buyer, product, origin }: Subject, ipv6Prefix: number): string | undefined {
  switch (part) {
    case "ip":
      return widen(client, ipv6Prefix);
    case "user":
      return buyer;
    case "product":
      // What cannot be a product shares one key, or every made-up id would be a fresh budget.
      return product !== undefined && PRODUCT_ID.test(product) ? product : undefined;
    case "country":
      return origin?.country;
    case "asn":
      return origin?.asn;
    case "fingerprint":
      return origin?.fingerprint;
  }
}

export function keyOf(key: readonly KeyPart[], parts: SubjectParts): string {
  let text = "";
  for (const part of ORDER) if (key.includes(part)) text += parts[part];
  return text;
}

/** The part by which a key is given to a limiter object: whom it belongs to before all. */
export function ownerOf(key: readonly KeyPart[]): KeyPart {
  return OWNERS.find((part) => key.includes(part)) ?? "product";
}

/** The edge's key of an IPv6 client, `2001:db8:1:2f::/64`, cut to fewer bits; any other key as it is. */
function widen(client: string, bits: number): string {
  if (bits >= EDGE_IPV6_PREFIX) return client;
  const groups = /^([0-9a-f]{1,4}):([0-9a-f]{1,4}):([0-9a-f]{1,4}):([0-9a-f]{1,4})::\/64$/.exec(client);
  if (groups === null) return client;
  const [, first, second, third, fourth = "0"] = groups;
  const kept = Number.parseInt(fourth, 16) & (0xffff << (EDGE_IPV6_PREFIX - bits));
  return `${first}:${second}:${third}:${(kept & 0xffff).toString(16)}::/${bits}`;
}

/** Over the UTF-16 code units: in UTF-8 all lone surrogates, which JSON can carry, would become the same character. */
async function hash(value: string): Promise<string> {
  const units = Uint16Array.from({ length: value.length }, (_, index) => value.charCodeAt(index));
  return base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", units)));
}
