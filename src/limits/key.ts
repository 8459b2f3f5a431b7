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

/** Whose a key is before all, most telling first. */
const OWNERS: readonly KeyPart[] = ["user", "ip", "fingerprint", "product", "asn", "country"];

/**
 * Given at once where all of it is plain, as it nearly always is.
 *
 * @param ipv6Prefix leading bits of an IPv6 address that are one client, 48 to 64.
 */
export function partsOf(
  { client, buyer, product, origin }: Subject,
  ipv6Prefix: number = EDGE_IPV6_PREFIX,
): Soon<SubjectParts> {
  const encoded = [
    encode("i", widen(client, ipv6Prefix)),
    encode("u", buyer),
    encode("c", origin?.country),
    encode("a", origin?.asn),
    encode("f", origin?.fingerprint),
  ];
  const named = ([ip = "", user = "", country = "", asn = "", fingerprint = ""]: readonly string[]): SubjectParts => ({
    ip,
    user,
    // What cannot be a product shares one key, or every made-up id would be a fresh budget.
    product: product !== undefined && PRODUCT_ID.test(product) ? plain("p", product) : absent("p"),
    country,
    asn,
    fingerprint,
  });
  return encoded.every(isText) ? named(encoded) : Promise.all(encoded.map(async (part) => part)).then(named);
}

function isText(part: Soon<string>): part is string {
  return typeof part === "string";
}

export function keyOf(key: readonly KeyPart[], parts: SubjectParts): string {
  return ORDER.filter((part) => key.includes(part))
    .map((part) => parts[part])
    .join("");
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

function plain(kind: string, value: string): string {
  return `${kind}${value.length}:${value}`;
}

/** The one value that everybody shares of whom this is not known. */
function absent(kind: string): string {
  return `${kind}-:`;
}

function encode(kind: string, value: string | undefined): Soon<string> {
  if (value === undefined) return absent(kind);
  return PLAIN.test(value) ? plain(kind, value) : encodeHash(kind, value);
}

async function encodeHash(kind: string, value: string): Promise<string> {
  return `${kind}#:${await hash(value)}`;
}

/** Over the UTF-16 code units: in UTF-8 all lone surrogates, which JSON can carry, would become the same character. */
async function hash(value: string): Promise<string> {
  const units = Uint16Array.from({ length: value.length }, (_, index) => value.charCodeAt(index));
  return base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", units)));
}
