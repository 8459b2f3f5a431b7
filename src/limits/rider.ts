/**
 * What another stage counts for a request's address, in the call that the address's limits make anyway: an object call is the
 * dearest part of a decision (decision 0032).
 *
 * A rider is never in the limits' way: it is counted where the request is, in the same step, and says no word in what becomes of it.
 * It rides only where that call is made. Who sends one and hears nothing of it has to ask by himself, at the same object.
 */
import type { CheckAnswer, TakeCheck } from "../../durable-objects/limiter/protocol.ts";
import { objectNameOf } from "./exact.ts";
import { partsOf } from "./key.ts";
import type { LimitsConfig } from "./policy.ts";
import type { Check } from "./store.ts";

/** What a stage hands in. */
export interface AddressCount {
  /** Shadows, whose policies' names are no operator's. */
  readonly checks: readonly TakeCheck[];
  /** Told where the call was made and the limits there fit: an answer for each check, or null where the call failed. */
  readonly tell: (answers: readonly CheckAnswer[] | null) => void;
}

/** The same with its place. */
export interface Rider extends AddressCount {
  readonly owner: Check["owner"];
}

/** The limiter object in which everything of an address is counted. @param client as the edge made it. */
export async function objectOfAddress({ shards, ipv6Prefix }: LimitsConfig, client: string): Promise<string> {
  const { ip } = await partsOf({ client }, ipv6Prefix);
  return objectNameOf({ kind: "ip", part: ip }, shards);
}
