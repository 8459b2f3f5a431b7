/** Where the two sides meet: one sale on one gateway, seen from each side. */
import { setTimeout as sleep } from "node:timers/promises";
import type { GatewayClock } from "../rush/clock.ts";
import type { HttpClient } from "../rush/http.ts";
import type { SaleApi } from "../rush/sale-api.ts";
import type { Account, Crowd } from "./cast.ts";
import type { AttackRecord } from "./record.ts";
import type { Farm } from "./work/farm.ts";
import type { Puzzles } from "./work/puzzles.ts";

export interface SignedAccount extends Account {
  readonly jwt: string;
}

export interface Scene extends GatewayClock {
  readonly product: string;
  readonly stock: number;
  readonly perBuyerLimit: number;
  readonly crowd: Crowd;
  readonly accounts: readonly SignedAccount[];
  readonly record: AttackRecord;
  readonly puzzles: Puzzles;
  /** Where the attackers solve proofs of work. */
  readonly farm: Farm;
  /** The same gateway as each side calls it; `other` is the origin and the operator. */
  readonly honest: SaleApi;
  readonly attacker: SaleApi;
  readonly other: SaleApi;
  /** For requests that no client of the API would send. */
  readonly attackerHttp: HttpClient;
  readonly opensAt: number;
  readonly attackEndsAt: number;
  readonly patienceEndsAt: number;
  /** Takes one request of the attackers' budget; false when nothing is left of it or the attack is over. */
  readonly mayAttack: () => boolean;
}

export async function until(scene: GatewayClock, at: number): Promise<void> {
  const ms = at - scene.now();
  if (ms > 0) await sleep(ms);
}

/** Certainly before the opening, however wrong our clock is. */
export function isTooSoon(scene: Scene): boolean {
  return scene.now() + scene.nowErrorMs < scene.opensAt;
}
