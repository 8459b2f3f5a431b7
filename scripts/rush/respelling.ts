/** Other spellings of a signed token that a lax reader takes for the same: none of them may make or find an order. */

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Padded, with a fourth segment, and with another last character that decodes to the same bytes. */
export function respellings(token: string): readonly string[] {
  const last = BASE64URL.indexOf(token.at(-1) ?? "");
  // A signature of 32 bytes leaves two bits of its last character unused (RFC 4648, 3.5): the lowest ones.
  const twin = last < 0 ? [] : [token.slice(0, -1) + BASE64URL.charAt(last ^ 1)];
  return [`${token}=`, `${token}.`, ...twin];
}
