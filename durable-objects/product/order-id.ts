/**
 * Order ids: opaque to everybody else, ordered by time for the sake of the object's own index.
 *
 * 38 characters of Crockford's Base32 in lower case: two name the ledger shard (always `00` today: room for the day on
 * which a product's stock is leased to several objects), ten the millisecond, 26 are 130 random bits.
 */

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const SHARD = "00";
const TIME_LENGTH = 10;
/** Five bits a character: 130 random bits, above the 128 that the wire contract promises. */
const RANDOM_LENGTH = 26;

export const ORDER_ID_PATTERN = /^[0-9a-hjkmnp-tv-z]{38}$/;
/** How many random bytes one id takes. */
export const ORDER_ID_BYTES = RANDOM_LENGTH;

function encodeTime(milliseconds: number): string {
  let text = "";
  for (let rest = milliseconds, index = 0; index < TIME_LENGTH; index++, rest = Math.floor(rest / 32)) {
    text = ALPHABET.charAt(rest % 32) + text;
  }
  return text;
}

/** An order id; `random` are `ORDER_ID_BYTES` random bytes, of each of which five bits are used. */
export function makeOrderId(now: number, random: Uint8Array): string {
  let id = SHARD + encodeTime(now);
  for (let index = 0; index < RANDOM_LENGTH; index++) id += ALPHABET.charAt((random[index] ?? 0) & 31);
  return id;
}

/** When the order with this id was made, ms since the epoch; NaN where no object makes such ids. It must be of `ORDER_ID_PATTERN`. */
export function timeOfOrderId(orderId: string): number {
  if (!orderId.startsWith(SHARD)) return Number.NaN;
  let time = 0;
  for (const digit of orderId.slice(SHARD.length, SHARD.length + TIME_LENGTH))
    time = time * 32 + ALPHABET.indexOf(digit);
  return time;
}

/** The least id that an order made at `time` or later can have. */
export function firstOrderIdAt(time: number): string {
  return SHARD + encodeTime(Math.max(0, time));
}
