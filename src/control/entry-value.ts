/** The one spelling of what an entry names, so that two entries for the same thing are one. Rules only. */
import type { ListSubject } from "../../durable-objects/control/protocol.ts";
import { describeNetwork, parseNetwork } from "./network.ts";

/** Autonomous system numbers have 32 bits; 0 is nobody's (RFC 7607). */
const ASN_MAX = 4_294_967_295;
const ASN = /^(?:AS)?([1-9]\d{0,9})$/i;
/** ISO 3166-1 alpha-2, and Cloudflare's own XX (unknown) and T1 (Tor). */
const COUNTRY = /^[A-Z][A-Z0-9]$/i;
/** A merchant's user id, as the identity stage takes it. In characters. */
const BUYER_LENGTH_MAX = 256;

export type EntryValue = { readonly value: string } | { readonly problem: string };

export function parseEntryValue(subject: ListSubject, text: string): EntryValue {
  switch (subject) {
    case "cidr": {
      const network = parseNetwork(text);
      return typeof network === "string" ? { problem: network } : { value: describeNetwork(network) };
    }
    case "asn": {
      const number = Number(ASN.exec(text)?.[1] ?? 0);
      return number >= 1 && number <= ASN_MAX
        ? { value: String(number) }
        : { problem: "Must be an autonomous system's number, like 64500 or AS64500" };
    }
    case "country":
      return COUNTRY.test(text)
        ? { value: text.toUpperCase() }
        : { problem: "Must be a country's code of two letters (ISO 3166-1), or T1 for Tor" };
    case "buyer":
      return isBuyerId(text)
        ? { value: text }
        : { problem: `Must be a buyer's id of 1 to ${BUYER_LENGTH_MAX} characters` };
  }
}

/** SQLite ends a text at a NUL character, so that two ids could become one. */
function isBuyerId(text: string): boolean {
  return text.length > 0 && text.length <= BUYER_LENGTH_MAX && text.isWellFormed() && !text.includes("\0");
}
