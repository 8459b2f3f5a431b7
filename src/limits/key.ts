/**
 * The key under which a policy counts a request, and which part of it says where it is counted.
 *
 * Unambiguous: every part says its kind and its length, so that no buyer id, however hostile, can pass for another part.
 * Bounded: what is long or not plain is hashed, whole. A key is no secret, and nobody is recognised by it elsewhere.
 */
import { base64url } from "jose";
import type { KeyPart } from "./policy.ts";

/** Whom a request counts for, as far as it is known where the policy applies. */
export interface Subject {
  /** The client's key from the edge: an address, or `unknown`. */
  readonly client: string;
  /** Only where the buyer is proven. */
  readonly buyer?: string;
  /** From the path, not yet checked. */
  readonly product?: string;
}

/** The parts of one request's keys, made once for all its policies. */
export type SubjectParts = Readonly<Record<KeyPart, string>>;

/** Printable ASCII passes through JSON, SQLite and the platform's APIs as it is; 64 holds any UUID, address or slug. */
const PLAIN = /^[\x21-\x7e]{1,64}$/;
const PRODUCT_ID = /^[a-z0-9-]{1,64}$/;

/** One order of the parts, whatever the configuration's. */
const ORDER: readonly KeyPart[] = ["ip", "user", "product"];

export async function partsOf({ client, buyer, product }: Subject): Promise<SubjectParts> {
  return {
    ip: await encode("i", client),
    user: buyer === undefined ? absent("u") : await encode("u", buyer),
    // What cannot be a product shares one key, or every made-up id would be a fresh budget.
    product: product !== undefined && PRODUCT_ID.test(product) ? plain("p", product) : absent("p"),
  };
}

export function keyOf(key: readonly KeyPart[], parts: SubjectParts): string {
  return ORDER.filter((part) => key.includes(part))
    .map((part) => parts[part])
    .join("");
}

/** The part by which a key is given to a limiter object: whom it belongs to before all. */
export function ownerOf(key: readonly KeyPart[]): KeyPart {
  if (key.includes("user")) return "user";
  return key.includes("ip") ? "ip" : "product";
}

function plain(kind: string, value: string): string {
  return `${kind}${value.length}:${value}`;
}

function absent(kind: string): string {
  return `${kind}-:`;
}

async function encode(kind: string, value: string): Promise<string> {
  return PLAIN.test(value) ? plain(kind, value) : `${kind}#:${await hash(value)}`;
}

/** Over the UTF-16 code units: in UTF-8 all lone surrogates, which JSON can carry, would become the same character. */
async function hash(value: string): Promise<string> {
  const units = Uint16Array.from({ length: value.length }, (_, index) => value.charCodeAt(index));
  return base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", units)));
}
