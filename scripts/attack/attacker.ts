/** What attackers do alike: at machine speed, deaf to Retry-After, as often as their budget lasts. */
import { setTimeout as sleep } from "node:timers/promises";
import { count } from "../rush/record.ts";
import type { IssuedToken, Outcome, PlacedOrder } from "../rush/sale-api.ts";
import { pay } from "./payment.ts";
import { noteSeizure } from "./record.ts";
import { isTooSoon, type Scene, type SignedAccount } from "./scene.ts";

/** Between two attempts of one account, in milliseconds. */
export const PACE_MS = 50;

/** Nothing more is to be had: the attacker goes home. */
const HOPELESS = new Set(["sold-out", "round-closed", "buyer-limit"]);

/** A purchase token, if the attackers' budget allows the request. */
export async function grabToken(
  scene: Scene,
  account: SignedAccount,
  address: string = account.address,
): Promise<Outcome<IssuedToken> | null> {
  if (!scene.mayAttack()) return null;
  const soon = isTooSoon(scene);
  const outcome = await scene.attacker.token(address, account.jwt);
  if (!outcome.ok) count(scene.record.attackersRefused, outcome.code);
  else if (soon && isTooSoon(scene)) count(scene.record.breaches, "a purchase token before the opening");
  return outcome;
}

/** A checkout with a token, written down. */
export async function spend(
  scene: Scene,
  issued: IssuedToken,
  address: string,
  quantity: number,
): Promise<Outcome<PlacedOrder> | null> {
  if (!scene.mayAttack()) return null;
  const outcome = await scene.attacker.checkout(address, issued.checkoutUrl, issued.token, quantity);
  noteSeizure(scene.record, outcome, scene.now());
  if (outcome.ok && isTooSoon(scene)) count(scene.record.breaches, "an order before the opening");
  return outcome;
}

/** Tries for one order until there is one, or it is hopeless, or the budget is used up. A token is kept until it is spent. */
export async function tryToHold(
  scene: Scene,
  account: SignedAccount,
  quantity: number,
  nextAddress: () => string = () => account.address,
): Promise<PlacedOrder | undefined> {
  let issued: IssuedToken | undefined;
  for (;;) {
    const address = nextAddress();
    const outcome: Outcome<IssuedToken | PlacedOrder> | null =
      issued === undefined ? await grabToken(scene, account, address) : await spend(scene, issued, address, quantity);
    if (outcome === null) return undefined;
    if (!outcome.ok) {
      if (HOPELESS.has(outcome.code)) return undefined;
      if (outcome.code.startsWith("token-")) issued = undefined;
      await sleep(PACE_MS);
    } else if ("token" in outcome.value) issued = outcome.value as IssuedToken;
    else return outcome.value;
  }
}

/** Holds and pays at once, for selling on. */
export async function holdAndPay(
  scene: Scene,
  account: SignedAccount,
  quantity: number,
  nextAddress?: () => string,
): Promise<boolean> {
  const order = await tryToHold(scene, account, quantity, nextAddress);
  if (order === undefined) return false;
  await payFor(scene, order);
  return true;
}

export async function payFor(scene: Scene, { orderId }: PlacedOrder): Promise<void> {
  const status = await pay(scene, orderId);
  const seizure = scene.record.seizures.get(orderId);
  if (seizure !== undefined) seizure.paid = status === "paid";
}
