/**
 * Which client a request comes from: the address that Cloudflare reports, in one canonical form.
 *
 * Only `CF-Connecting-IP` counts: Cloudflare sets it and overwrites what a client sends. Every other forwarding header is a
 * client's own claim and is ignored. IPv6 is cut to its /64, the smallest network that one subscriber gets (RFC 6177), so
 * that nobody has 2^64 addresses to count under; IPv4-mapped IPv6 is the IPv4 address that it stands for.
 */
import { IPv6, parse } from "ipaddr.js";

/** The key of every request without a usable address: one bucket, shared, and so strict. */
export const UNKNOWN_CLIENT = "unknown";

/** Longer than any spelling of an address: not even parsed. */
const ADDRESS_LENGTH_MAX = 45;
const IPV6_PREFIX_PARTS = 4;

/** Four decimal parts. The library would also take `1`, `0x7f.1` and octal parts; Cloudflare writes none of them. */
const IPV4_PATTERN = /^\d{1,3}(?:\.\d{1,3}){3}$/;

export function clientKey(address: string | undefined): string {
  if (address === undefined || address.length > ADDRESS_LENGTH_MAX) return UNKNOWN_CLIENT;
  if (!address.includes(":") && !IPV4_PATTERN.test(address)) return UNKNOWN_CLIENT;
  try {
    const parsed = parse(address);
    if (!(parsed instanceof IPv6)) return parsed.toString();
    if (parsed.isIPv4MappedAddress()) return parsed.toIPv4Address().toString();
    const network = parsed.parts.slice(0, IPV6_PREFIX_PARTS).map((part) => part.toString(16));
    return `${network.join(":")}::/64`;
  } catch {
    return UNKNOWN_CLIENT;
  }
}
