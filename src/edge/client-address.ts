/**
 * Which client a request comes from: the address that Cloudflare reports, in one canonical form.
 *
 * Only `CF-Connecting-IP` counts: Cloudflare sets it and overwrites what a client sends. Every other forwarding header is a
 * client's own claim and is ignored. IPv6 is cut to its /64, the smallest network that one subscriber gets (RFC 6177), so
 * that nobody has 2^64 addresses to count under; IPv4-mapped IPv6 is the IPv4 address that it stands for.
 */
import type { HonoRequest } from "hono";
import { IPv6, parse } from "ipaddr.js";
import type { Client } from "../context.ts";

/** The key of every request without a usable address: one bucket, shared, and so strict. */
export const UNKNOWN_CLIENT = "unknown";

/** Longer than any spelling of an address: not even parsed. */
const ADDRESS_LENGTH_MAX = 45;
const IPV6_PREFIX_PARTS = 4;

/** IPv4 in its one usual spelling. The library would also take `1`, `0x7f.1` and octal parts; Cloudflare writes none of them. */
const IPV4_PATTERN = /^(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/;

const UNKNOWN: Client = { key: UNKNOWN_CLIENT, address: null };

/** The client of a request, read when somebody asks: looking at a request's headers is dear, and most refusals need none of them (decision 0036). */
export class ClientOfRequest implements Client {
  readonly #request: HonoRequest;
  #known: Client | undefined;

  constructor(request: HonoRequest) {
    this.#request = request;
  }

  get key(): string {
    return this.#read().key;
  }

  get address(): string | null {
    return this.#read().address;
  }

  #read(): Client {
    this.#known ??= readClientAddress(this.#request.header("CF-Connecting-IP"));
    return this.#known;
  }
}

export function readClientAddress(received: string | undefined): Client {
  if (received === undefined || received.length > ADDRESS_LENGTH_MAX) return UNKNOWN;
  if (IPV4_PATTERN.test(received)) return { key: received, address: received };
  if (!received.includes(":")) return UNKNOWN;
  try {
    const parsed = parse(received);
    const mapped = parsed instanceof IPv6 && parsed.isIPv4MappedAddress();
    const folded = mapped ? parsed.toIPv4Address() : parsed;
    const address = folded.toString();
    if (!(folded instanceof IPv6)) return { key: address, address };
    const network = folded.parts.slice(0, IPV6_PREFIX_PARTS).map((part) => part.toString(16));
    return { key: `${network.join(":")}::/64`, address };
  } catch {
    return UNKNOWN;
  }
}
