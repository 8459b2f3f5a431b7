/**
 * Addresses and networks in one form: 16-bit parts, two of IPv4 and eight of IPv6, IPv4-mapped IPv6 as the IPv4 address that it
 * stands for. Parsed by ipaddr.js; stricter than it, because `010.0.0.1` means two things to two programs. Rules only.
 */
import { IPv4, IPv6 } from "ipaddr.js";

export type Family = "ipv4" | "ipv6";

export interface Address {
  readonly family: Family;
  /** Of 16 bits each. */
  readonly parts: readonly number[];
}

export interface Network extends Address {
  /** Bits; the parts are zero beyond them. */
  readonly length: number;
}

const PART_BITS = 16;
const IPV6_PARTS = 8;
const PART_MASK = 0xffff;
/** Of an IPv4-mapped address: what stands before the 32 bits of IPv4 (RFC 4291, section 2.5.5.2). */
const MAPPED_BITS = 96;
const BITS: Readonly<Record<Family, number>> = { ipv4: 32, ipv6: 128 };
/**
 * The largest blocks that registries hand to anyone. What is shorter is a slip of the keyboard, and one that would lock out a
 * part of the world (https://www.iana.org/assignments/ipv4-address-space, https://www.iana.org/assignments/ipv6-unicast-address-assignments).
 */
const LENGTH_MIN: Readonly<Record<Family, number>> = { ipv4: 8, ipv6: 12 };
/** No spelling of an address is longer; of a network four characters more. */
const ADDRESS_LENGTH_MAX = 45;

/** Null: it is no address. */
export function parseAddress(text: string): Address | null {
  if (text.length > ADDRESS_LENGTH_MAX) return null;
  if (IPv4.isValidFourPartDecimal(text)) return addressOfIpv4(IPv4.parse(text));
  const parsed = parseIpv6(text);
  if (parsed === null) return null;
  return parsed.isIPv4MappedAddress() ? addressOfIpv4(parsed.toIPv4Address()) : { family: "ipv6", parts: parsed.parts };
}

function parseIpv6(text: string): IPv6 | null {
  if (!text.includes(":") || text.includes("%")) return null;
  try {
    return IPv6.parse(text);
  } catch {
    return null;
  }
}

function addressOfIpv4({ octets: [first = 0, second = 0, third = 0, fourth = 0] }: IPv4): Address {
  return { family: "ipv4", parts: [(first << 8) | second, (third << 8) | fourth] };
}

const LENGTH = /^(?:0|[1-9]\d{0,2})$/;

/** A network, or one address as a network of its own. A text says what is wrong with it. */
export function parseNetwork(text: string): Network | string {
  const [before = "", after, ...rest] = text.split("/");
  const address = parseAddress(before);
  if (address === null || rest.length > 0 || (after !== undefined && !LENGTH.test(after))) {
    return "Must be an address or a network like 203.0.113.0/24 or 2001:db8::/32";
  }
  const { family, parts } = address;
  const written = before.includes(":") ? BITS.ipv6 : BITS.ipv4;
  const asWritten = after === undefined ? written : Number(after);
  const length = asWritten - (written - BITS[family]);
  if (asWritten > written) return `Must have a prefix of at most ${written} bits`;
  if (length < LENGTH_MIN[family]) {
    const least = LENGTH_MIN[family] + (written === BITS[family] ? 0 : MAPPED_BITS);
    return `Must have a prefix of at least ${least} bits: a shorter one would lock out a part of the world`;
  }
  const network = { family, parts: cut(parts, length), length };
  if (network.parts.some((part, index) => part !== parts[index])) {
    return `Must have no bits beyond its prefix: ${describeNetwork(network)}`;
  }
  return network;
}

/** The one spelling of a network: a whole address too has its prefix. */
export function describeNetwork({ family, parts, length }: Network): string {
  const address =
    family === "ipv4"
      ? new IPv4(parts.flatMap((part) => [part >> 8, part & 0xff])).toString()
      : new IPv6([...parts]).toRFC5952String();
  return `${address}/${length}`;
}

/**
 * A network from the spelling that `describeNetwork` gave it: twenty times as fast as parsing what anybody may have written, and an
 * isolate reads a hundred thousand of them between two requests.
 */
export function readNetwork(canonical: string): Network {
  const slash = canonical.lastIndexOf("/");
  const address = canonical.slice(0, slash);
  const length = Number(canonical.slice(slash + 1));
  if (!address.includes(":")) {
    const [first = 0, second = 0, third = 0, fourth = 0] = address.split(".").map(Number);
    return { family: "ipv4", parts: [(first << 8) | second, (third << 8) | fourth], length };
  }
  const [before = "", after = ""] = address.split("::");
  const [head, tail] = [readParts(before), readParts(after)];
  const zeros = Array<number>(IPV6_PARTS - head.length - tail.length).fill(0);
  return { family: "ipv6", parts: [...head, ...zeros, ...tail], length };
}

function readParts(text: string): readonly number[] {
  return text === "" ? [] : text.split(":").map((part) => Number.parseInt(part, 16));
}

function cut(parts: readonly number[], length: number): number[] {
  return parts.map((part, index) => part & maskOf(length - index * PART_BITS));
}

/** Of a part: its first `bits` bits. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= PART_BITS ? PART_MASK : (PART_MASK << (PART_BITS - bits)) & PART_MASK;
}

/**
 * The first `length` bits as a short text to look up by: one character per part. Not a number, because IPv6 does not fit one; not
 * a BigInt, whose hash in V8 sees its lowest 64 bits only, so that a list of networks would be one long chain.
 */
export function prefixKey(parts: readonly number[], length: number): string {
  const whole = length >> 4;
  const rest = length & (PART_BITS - 1);
  let key = "";
  for (let index = 0; index < whole; index++) key += String.fromCharCode(parts[index] ?? 0);
  return rest === 0 ? key : key + String.fromCharCode((parts[whole] ?? 0) & maskOf(rest));
}
