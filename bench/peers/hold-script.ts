/**
 * The Lua scripts by which Redis decides, each atomic as a whole. Plain text and no client: Node and Workers send the same.
 *
 * KEYS and ARGV come in the order of holdKeys and holdArguments; the answer is a number of ANSWERS.
 */
import { type Decision, refuse, type Wish } from "./face.ts";
import { AVAILABLE, ORDERS, STREAM } from "./redis-keys.ts";

const HELD = 1;

/** Units, and once per buyer. */
export const HOLD_SCRIPT = `
if redis.call("HEXISTS", KEYS[2], ARGV[1]) == 1 then return 2 end
local available = tonumber(redis.call("GET", KEYS[1]))
if not available or available < 1 then return 3 end
redis.call("DECR", KEYS[1])
redis.call("HSET", KEYS[2], ARGV[1], ARGV[2])
return 1`;

/** The same work as Sluice's: limits per address and per buyer before it, and the order on a stream to Postgres with it. */
export const FULL_HOLD_SCRIPT = `
for index = 4, 5 do
  local count = redis.call("INCR", KEYS[index])
  if count == 1 then redis.call("EXPIRE", KEYS[index], ARGV[5]) end
  if count > tonumber(ARGV[index - 1]) then return 4 end
end
if redis.call("HEXISTS", KEYS[2], ARGV[1]) == 1 then return 2 end
local available = tonumber(redis.call("GET", KEYS[1]))
if not available or available < 1 then return 3 end
redis.call("DECR", KEYS[1])
redis.call("HSET", KEYS[2], ARGV[1], ARGV[2])
redis.call("XADD", KEYS[3], "*", "id", ARGV[2], "buyer", ARGV[1], "at", ARGV[6])
return 1`;

export interface ScriptLimits {
  readonly perClient: number;
  readonly perBuyer: number;
  readonly windowSeconds: number;
}

export const HOLD_KEYS = [AVAILABLE, ORDERS] as const;

export function fullHoldKeys(wish: Wish): string[] {
  return [...HOLD_KEYS, STREAM, `bench:client:${wish.client}`, `bench:buyer:${wish.buyerId}`];
}

/** @param now milliseconds since the epoch. */
export function fullHoldArguments(wish: Wish, limits: ScriptLimits, now: number): string[] {
  const { perClient, perBuyer, windowSeconds } = limits;
  return [wish.buyerId, wish.orderId, ...[perClient, perBuyer, windowSeconds, now].map(String)];
}

/** By what the scripts return. */
const REFUSALS = new Map([
  [2, refuse("buyer-limit")],
  [3, refuse("sold-out")],
  [4, refuse("rate-limited")],
]);

export function readHoldAnswer(answer: unknown, orderId: string): Decision {
  if (answer === HELD) return { kind: "held", orderId };
  const refusal = REFUSALS.get(Number(answer));
  if (refusal === undefined) throw new Error("The script answered something that it does not know");
  return refusal;
}
