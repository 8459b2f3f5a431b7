/**
 * What Cloudflare says of a request's connection: `request.cf`. Every part of it is optional: a plan without bot management
 * has no fingerprint, a test or a preview may have nothing at all. What is not there is not known, and breaks nothing.
 * https://developers.cloudflare.com/workers/runtime-apis/request/#incomingrequestcfproperties
 */

export interface Origin {
  /** ISO 3166-1 alpha-2, or Cloudflare's `T1` for Tor. */
  readonly country?: string;
  /** The number of the network, in decimal. */
  readonly asn?: string;
  /** Of the client's TLS: JA4, or JA3 where only that is known. Many people share one, and a script can lie about it. */
  readonly fingerprint?: string;
}

/** @param cf as the platform gives it; nothing of its shape is taken for granted. */
export function originOf(cf: unknown): Origin {
  const country = textOf(fieldOf(cf, "country"));
  const asn = fieldOf(cf, "asn");
  const bots = fieldOf(cf, "botManagement");
  const fingerprint = textOf(fieldOf(bots, "ja4")) ?? textOf(fieldOf(bots, "ja3Hash"));
  return {
    ...(country === undefined ? {} : { country }),
    ...(typeof asn === "number" && Number.isSafeInteger(asn) ? { asn: String(asn) } : {}),
    ...(fingerprint === undefined ? {} : { fingerprint }),
  };
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
