/** What attackers do alike: at machine speed, deaf to Retry-After, as often as their budget lasts. */
import { setTimeout as sleep } from "node:timers/promises";
import { count } from "../rush/record.ts";
import type { IssuedToken, Outcome, PlacedOrder } from "../rush/sale-api.ts";
import { pay } from "./payment.ts";
import { noteSeizure, noteWork } from "./record.ts";
import { isTooSoon, type Scene, type SignedAccount, until } from "./scene.ts";
import { coreTrialMs } from "./work/devices.ts";
import { type Proof, solveProof } from "./work/proof.ts";

/** Between two attempts of one account, in milliseconds. */
export const PACE_MS = 50;

/** Nothing more is to be had: the attacker goes home. */
const HOPELESS = new Set(["sold-out", "round-closed", "buyer-limit", "hoarding"]);

export interface Grabbed {
  readonly outcome: Outcome<IssuedToken>;
  /** The proof that the token was asked for with, if one was demanded. */
  readonly proof: Proof | null;
}

/** A purchase token with what has to be solved for it; null when the attackers' budget or time is used up. */
export async function grabToken(
  scene: Scene,
  account: SignedAccount,
  address: string = account.address,
): Promise<Grabbed | null> {
  const asked = await askForToken(scene, account, address);
  if (asked === null || asked.ok || asked.code !== "challenge-required")
    return asked && { outcome: asked, proof: null };
  const proof = await solveOnFarm(scene, asked.fields["challenge"]);
  if (proof === null) return null;
  const outcome = await askForToken(scene, account, address, proof.answer);
  return outcome && { outcome, proof };
}

/** One request for a token. */
export async function askForToken(
  scene: Scene,
  account: SignedAccount,
  address: string,
  answer?: unknown,
): Promise<Outcome<IssuedToken> | null> {
  if (!scene.mayAttack()) return null;
  const soon = isTooSoon(scene);
  const outcome = await scene.attacker.token(address, account.jwt, answer);
  const isChallenge = !outcome.ok && outcome.code === "challenge-required";
  if (!outcome.ok && !isChallenge) count(scene.record.attackersRefused, outcome.code);
  else if (soon && isTooSoon(scene)) {
    count(scene.record.breaches, `${isChallenge ? "a challenge" : "a purchase token"} before the opening`);
  }
  return outcome;
}

/** The proof, once the farm would have found it; null if that is after the attack. */
async function solveOnFarm(scene: Scene, challenge: unknown): Promise<Proof | null> {
  const { puzzles, farm, record } = scene;
  const proof = await solveProof(challenge);
  const trials = proof.trials * puzzles.fullTrials;
  const coreMs = trials * coreTrialMs(puzzles.fullIterations);
  const readyAt = farm.takeOn(coreMs, scene.now(), scene.attackEndsAt);
  if (readyAt === null) return null;
  noteWork(record.farm, trials, coreMs);
  await until(scene, readyAt);
  return proof;
}

/** A checkout with a token of this account, written down. */
export async function spend(
  scene: Scene,
  account: SignedAccount,
  issued: IssuedToken,
  address: string,
  quantity: number,
): Promise<Outcome<PlacedOrder> | null> {
  if (!scene.mayAttack()) return null;
  const outcome = await scene.attacker.checkout(address, issued.checkoutUrl, issued.token, quantity);
  noteSeizure(scene.record, account.id, outcome, scene.now());
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
    const outcome: Outcome<IssuedToken | PlacedOrder> | undefined | null =
      issued === undefined
        ? (await grabToken(scene, account, address))?.outcome
        : await spend(scene, account, issued, address, quantity);
    if (outcome === null || outcome === undefined) return undefined;
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
